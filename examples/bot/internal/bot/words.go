package bot

import (
	"context"
	"errors"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// words returns an error as a sentence for the chat's members. It never shows what the
// error itself says, which may hold paths and addresses.
func words(err error) string {
	var refusal *track.Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Words
	case errors.Is(err, queue.ErrFull):
		return "The queue is full. Wait for a track to end, or /clear."
	case errors.Is(err, queue.ErrUserFull):
		return "You have enough tracks in the queue. Wait for one of them to end."
	case errors.Is(err, queue.ErrNoEntry):
		return "There is no such entry: /queue shows them with their numbers."
	case errors.Is(err, gotgcall.ErrFFmpegSpawn):
		return "ffmpeg does not run here. My owner has to install it."
	case errors.Is(err, gotgcall.ErrSeekUnsupported):
		return "This track has no other place to go to."
	case errors.Is(err, gotgcall.ErrNoSource), errors.Is(err, gotgcall.ErrConnectionNotFound):
		return "Nothing is playing."
	case errors.Is(err, gotgcall.ErrWrongMode):
		return "/stop first: I play in the other way at the moment."
	case errors.Is(err, context.DeadlineExceeded):
		return "That took too long. Try again."
	}
	if ofTrack(err) {
		return trackWords(err)
	}
	return groupcall.Words(err)
}

// trackWords returns why a track cannot be played.
func trackWords(err error) string {
	switch {
	case errors.Is(err, gotgcall.ErrNotPublic):
		return "That address leads into a private network, where I do not go."
	case errors.Is(err, gotgcall.ErrStalled):
		return "Nothing comes from there: the server is too slow, or the file is broken."
	case errors.Is(err, gotgcall.ErrFile):
		return "It cannot be played. I find no music or video there."
	}
	return "It cannot be played."
}

// ofTrack reports whether a track itself cannot be played, rather than the call that it
// was to be played in.
func ofTrack(err error) bool {
	var refusal *track.Refusal
	var ffmpeg *gotgcall.FFmpegError
	return errors.Is(err, gotgcall.ErrFile) || errors.Is(err, gotgcall.ErrStalled) ||
		errors.Is(err, gotgcall.ErrFFmpegCrashed) || errors.As(err, &ffmpeg) || errors.As(err, &refusal)
}

// retired reports whether an account is of no use any longer.
func retired(err error) bool {
	return errors.Is(err, groupcall.ErrAccountDead) || errors.Is(err, groupcall.ErrFrozen)
}
