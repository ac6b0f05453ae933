package gotgcall

import (
	"context"
	"fmt"
)

// SetSound sets how the sources of the call sound: volume, speed, bass, treble, loudness.
// It holds for the current source and all later ones, over [Client.Rejoin] too, until the
// call is over. It is legal before Connect, without a source and while paused.
//
// The current source is reopened where it is, as by a seek, and heard with the new sound
// within 300 ms; nothing of it is left out or repeated. A live one is opened again at its
// present, and goes on as it was until that is there. It blocks until then. Of several calls at once the last counts, and the others
// return when it does; a slider may be moved at any rate. Positions and durations are
// always those of the media: at a speed of 2 a position moves by two seconds a second.
//
// The error wraps [ErrInvalidParams] when a value is out of range; nothing is changed
// then. Otherwise the sound is set, whatever the error: [ErrSoundUnsupported] says that
// the current source cannot have all of it. A live source has its own speed and loudness,
// a playlist and a command of [FromShell] their own loudness. What cannot be seeked, such
// as a URL without ranges, keeps the sound that it was opened with. A command that is not
// ffmpeg's, copies its sound or has a -filter_complex has its own, and so has a program's
// own source unless its Stream says otherwise. Any other error is that of reopening the
// source, which then goes on as it was.
func (c *Client) SetSound(chatID int64, s Sound) error {
	return c.SetSoundContext(context.Background(), chatID, s)
}

// SetSoundContext is like [Client.SetSound] but gives up when ctx is done: the current
// source may then go on as it was, and later ones have the new sound.
func (c *Client) SetSoundContext(ctx context.Context, chatID int64, s Sound) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.SetSound(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("set sound: %w", err)
	}
	return nil
}

// Sound returns what SetSound has set last, with defaults in place of zeros.
func (c *Client) Sound(chatID int64) (Sound, error) {
	call, err := c.call(chatID)
	if err != nil {
		return Sound{}, fmt.Errorf("sound: %w", err)
	}
	return call.Sound(), nil
}
