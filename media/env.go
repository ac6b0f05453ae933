package media

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// Env is what a Source needs of the program it runs in.
type Env struct {
	// FFmpegPath is the ffmpeg binary: a path, or a name to look up in PATH.
	FFmpegPath string
	// Logger is never nil.
	Logger *slog.Logger
	// LogStderr asks for ffmpeg's standard error, line by line, on Logger at
	// Info level.
	LogStderr bool
	// StallTimeout is how long a stream may give nothing before whoever reads
	// it closes it. What was lost on the network is asked for again for a
	// little less than that. 0 means 30 s.
	StallTimeout time.Duration
	// URLPolicy is asked about each address before FromURL connects to it;
	// nil allows all.
	URLPolicy URLPolicy
	// InsecureTLS accepts any certificate of an https server.
	InsecureTLS bool
	// Format is what the stream's frames have to be. Only a RawSource is opened
	// with another than the zero Format, which is Opus, and VP8 or H.264.
	Format Format
	// VP8Only reports that the call's server takes no H.264.
	VP8Only bool
	// Sound is how a stream is to sound. One that has it says so; see [Stream].
	Sound Sound
	// Opener opens the sources of this package. A Source that wraps one of these
	// passes on the Env that it was opened with.
	Opener Opener
	// Sinks opens the sinks of this package.
	Sinks SinkOpener
}

// SinkOpener opens [Files]. [New] of package gotgcall gives one to its Client.
type SinkOpener interface {
	// OpenSink opens a sink, as [Sink].Open.
	OpenSink(ctx context.Context, env Env, sink Sink) (Writer, error)
}

// Opener opens a [File], a [URL], a [Shell] or [Shells]. [New] of package gotgcall
// gives one to its Client.
//
// [New]: https://pkg.go.dev/github.com/gotgcall/gotgcall#New
type Opener interface {
	// Open opens a source where it begins by itself, as [Source].Open.
	Open(ctx context.Context, env Env, src Source) (Stream, error)
	// OpenAt opens a source at a position, as [SeekableSource].OpenAt.
	OpenAt(ctx context.Context, env Env, src Source, position time.Duration) (Stream, error)
}

func (e Env) open(ctx context.Context, src Source) (Stream, error) {
	if e.Opener == nil {
		return nil, errNoOpener()
	}
	return e.Opener.Open(ctx, e, src)
}

func (e Env) openAt(ctx context.Context, src Source, position time.Duration) (Stream, error) {
	if e.Opener == nil {
		return nil, errNoOpener()
	}
	return e.Opener.OpenAt(ctx, e, src, position)
}

func errNoOpener() error {
	return fmt.Errorf("%w: an Env without Opener: pass on the one that a Client opens a Source with", models.ErrInvalidParams)
}

// Format is what frames are to be. The zero Format is encoded frames. Any other is raw:
// pictures in yuv420p, the planes one after another without padding, and sound as
// interleaved signed 16-bit little-endian samples of two channels at 44,100 Hz.
type Format struct {
	// Width and Height are the pictures', in pixels, and even.
	Width, Height int
	// FPS bounds the frame rate; a slower source keeps its own.
	FPS int
}

// Raw reports whether frames are to be raw.
func (f Format) Raw() bool { return f != Format{} }

// PictureSize returns the length of a raw picture in bytes.
func (f Format) PictureSize() int { return f.Width * f.Height * 3 / 2 }
