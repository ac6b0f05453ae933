package models

import (
	"errors"
	"fmt"
	"strings"
)

// The errors by which a caller decides. They arrive wrapped, with the verb and the
// reason; test them with errors.Is.
var (
	// ErrConnectionExists: the chat already has a call, or its call is
	// already connected. The existing call is not touched.
	ErrConnectionExists = errors.New("connection already exists")

	// ErrConnectionNotFound: the chat has no call.
	ErrConnectionNotFound = errors.New("connection not found")

	// ErrConnectionTimeout: the connection was not up within the connect
	// timeout, or no Connect came for ten minutes.
	// The error has a Timeout method that returns true.
	ErrConnectionTimeout error = timeoutError("connection timed out")

	// ErrConnectionFailed: ICE or DTLS failed, the peer's certificate is not
	// the announced one, or a connection that was up is lost for good.
	ErrConnectionFailed = errors.New("connection failed")

	// ErrPublishRefused: an RTMP server has refused the stream: its key is wrong,
	// expired or in use. What the server said is in the text, without the key.
	ErrPublishRefused = errors.New("the server refused the stream")

	// ErrInvalidParams: an argument is malformed: a join answer, a URL, a
	// command line, a source.
	ErrInvalidParams = errors.New("invalid parameters")

	// ErrUnsupportedCallMode: the join answer is for a call that has no
	// WebRTC transport (a broadcast or an RTMP stream).
	ErrUnsupportedCallMode = errors.New("unsupported call mode")

	// ErrFFmpegSpawn: the ffmpeg binary is missing, could not be started, or
	// lacks a codec.
	ErrFFmpegSpawn = errors.New("ffmpeg did not start")

	// ErrFFmpegCrashed: ffmpeg ended with an error or by a signal while its
	// stream was playing. The chain holds an *FFmpegError.
	ErrFFmpegCrashed = errors.New("ffmpeg crashed")

	// ErrFile: the source cannot be played: it is missing, unreachable,
	// empty, not media, or has none of the tracks that were asked for. Where
	// ffmpeg diagnosed it, the chain holds an *FFmpegError.
	ErrFile = errors.New("source not playable")

	// ErrClosed: the Client is closed.
	ErrClosed = errors.New("client closed")

	// ErrStopped: Stop ended the call.
	ErrStopped = errors.New("call stopped")

	// ErrSourceReplaced: a later SetStreamSources won over this one while it
	// was still opening its source.
	ErrSourceReplaced = errors.New("source replaced by a later one")

	// ErrStalled: the source delivered no frame for the stall timeout, while it
	// was opened or while it played.
	// The error has a Timeout method that returns true.
	ErrStalled error = timeoutError("source stalled")

	// ErrSeekUnsupported: the source cannot start in the middle: it is live,
	// its server cannot, or it is not a SeekableSource.
	ErrSeekUnsupported = errors.New("seek not supported by the source")

	// ErrNotPublic: PublicOnly refuses an address that is not of the public
	// internet.
	ErrNotPublic = errors.New("not a public address")

	// ErrNoSource: nothing is playing.
	ErrNoSource = errors.New("no source")

	// ErrLive: the source has no end, and so no duration.
	ErrLive = errors.New("the source is live")

	// ErrDurationUnknown: the source does not say how long it is.
	ErrDurationUnknown = errors.New("duration unknown")

	// ErrSoundUnsupported: the current source cannot have all of the sound that was
	// set: it is live, or a command or a program's own source. Later ones can.
	ErrSoundUnsupported = errors.New("sound not supported by the source")

	// ErrInternal: a defect of this library.
	ErrInternal = errors.New("internal error")

	// ErrNotConnected: the call is not connected. It is kept for bots that test
	// it: no method needs a connection, so none returns it.
	ErrNotConnected = errors.New("not connected")

	// ErrWrongMode: the method does not apply to this kind of call, such as
	// Connect on an RTMP call.
	ErrWrongMode = errors.New("wrong call mode")
)

// timeoutError is the sentinel of a timeout.
type timeoutError string

func (e timeoutError) Error() string { return string(e) }

// Timeout returns true, as in net.Error.
func (timeoutError) Timeout() bool { return true }

// FFmpegError is how an ffmpeg process ended, in its own words.
type FFmpegError struct {
	// ExitCode is the exit status, or -1 when a signal ended the process.
	ExitCode int
	// Signal names the signal that ended the process, such as "killed";
	// empty otherwise, and always on Windows.
	Signal string
	// Stderr is the tail of ffmpeg's standard error, at most a few kilobytes,
	// without a trailing newline.
	Stderr string
}

// Error reports the exit status or signal and the last line of Stderr.
func (e *FFmpegError) Error() string {
	how := fmt.Sprintf("ffmpeg: exit status %d", e.ExitCode)
	if e.Signal != "" {
		how = "ffmpeg: signal: " + e.Signal
	}
	if last := e.Stderr[strings.LastIndexByte(e.Stderr, '\n')+1:]; last != "" {
		how += ": " + last
	}
	return how
}
