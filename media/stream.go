package media

import (
	"context"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// Track is a set of tracks.
type Track uint8

// The tracks.
const (
	TrackAudio Track = 1
	TrackVideo Track = 2
)

// Has reports whether t contains all of u.
func (t Track) Has(u Track) bool { return t&u == u }

// String returns "audio", "video", "audio+video" or "none".
func (t Track) String() string {
	switch t {
	case TrackAudio:
		return "audio"
	case TrackVideo:
		return "video"
	case TrackAudio | TrackVideo:
		return "audio+video"
	}
	return "none"
}

// Check returns an error that wraps models.ErrInvalidParams unless t has a track, and
// none that is not known.
func (t Track) Check() error {
	if t == 0 || t&^(TrackAudio|TrackVideo) != 0 {
		return fmt.Errorf("%w: tracks are %#x, want TrackAudio, TrackVideo or both", models.ErrInvalidParams, uint8(t))
	}
	return nil
}

// Frame is one encoded frame: an Opus packet, or a picture in VP8 or H.264. Where [Env] asks for
// raw frames it is samples or a picture of its [Format].
type Frame struct {
	// Track is TrackAudio or TrackVideo, never both.
	Track Track
	// PTS is when the frame is due, counted from the stream's first frame,
	// one timeline for both tracks. It is never negative.
	PTS time.Duration
	// Duration is how long the frame lasts. For audio it is exact, from the
	// Opus TOC byte (RFC 6716 section 3.1) or the number of samples; for video it is the nominal
	// frame interval, or 0 when the stream does not say.
	Duration time.Duration
	// Key reports a video key frame. It is false for audio.
	Key bool
	// Codec is that of a picture. One in [CodecH264] is an access unit in the byte stream
	// format (ITU-T H.264 annex B), a key frame an IDR picture after its parameter sets;
	// pictures follow each other in the order in which they are shown. A server that
	// does not take H.264 ignores it: see [Env].
	Codec Codec
	// Data is the frame. It is valid until the next ReadFrame. A frame without data is a
	// time in which nothing is sent.
	Data []byte
}

// Stream is one run of a source. Its methods other than Close are for one
// goroutine at a time.
//
// Further methods are optional. Start() time.Duration, of a Source or of the
// Stream that its Open returned, is the position in the media at which Open begins; by
// default 0. Origin() time.Duration, of a Stream that OpenAt returned, is the position in
// the media from which its frames' PTS count, where that is not exactly the one asked for,
// as packets are passed on whole. Restarts() uint64 is how often the Stream's input was opened again.
// SourceInfo() SourceInfo is what the input says of itself, once Open has returned.
// Sound() (s Sound, tunable bool) is the sound that the Stream has, of that which Env asks
// for, and whether its Source takes another; its frames' PTS are times at which they are
// played, so at a speed of 2 a minute of the media lasts half a minute. The last three may
// be called from any goroutine, and after Close. Prompt() bool says that ReadFrame never
// waits: it returns at once, from memory or a local file. Such a stream is read on the
// goroutine that paces all calls: when the frame before has been sent, or, if it is live by
// its SourceInfo, when that ends. Any other Stream has a goroutine, which reads it up to two
// seconds ahead.
type Stream interface {
	// Tracks reports the tracks the stream really has, which may be fewer
	// than the source was asked for.
	Tracks() Track

	// ReadFrame returns the next frame, in the order the frames are due (PTS
	// never decreases by more than the interleaving of the container). It
	// blocks until the encoder has one. At the natural end it returns
	// io.EOF; when the encoder died or its output is broken, after all
	// frames that arrived whole, an error that wraps
	// models.ErrFFmpegCrashed; when the server went away, models.ErrFile;
	// after Close, one that wraps models.ErrClosed.
	ReadFrame() (Frame, error)

	// Close kills the processes behind the stream, waits for them and
	// releases everything. It interrupts a ReadFrame that blocks, is
	// idempotent, and may be called from any goroutine.
	Close() error
}

// Source describes something that can be played, any number of times.
// The From functions of this package make one; a program may bring its own.
type Source interface {
	// Tracks reports the tracks that are asked for.
	Tracks() Track

	// Open starts the source and returns when its first frame can be read.
	// When ctx ends first, Open stops whatever it started and returns an
	// error that wraps ctx.Err(). The caller must Close the stream.
	//
	// A Client's ctx lives as long as the stream: it ends when the stream is
	// closed, so a request or a process that feeds the stream can have it.
	// Until Open has returned it also ends when another source takes over,
	// when the stall timeout has passed, and with the context of
	// SetStreamSourcesContext.
	Open(ctx context.Context, env Env) (Stream, error)
}

// SeekableSource is a Source that can start in the middle.
type SeekableSource interface {
	Source

	// OpenAt is Open from a position, counted from the start of the media.
	// The frames' PTS count from that position: the first is near zero.
	//
	// It fails with ErrSeekUnsupported when it turns out that the source cannot
	// do it, and with an error that wraps io.EOF when the media has nothing at
	// the position or after it.
	OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error)
}

// RawSource is a Source that gives raw frames where Env.Format asks for them. Only
// such a source can be published by RTMP.
type RawSource interface {
	Source

	// Encoding returns the options that say how what the source gives is to be
	// encoded.
	Encoding() EncodeOptions
}
