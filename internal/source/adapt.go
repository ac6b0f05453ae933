package source

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
)

const (
	// slowSpan is the length of sound that has to come too slowly before pictures
	// are cut down: more than a short CPU stall costs.
	slowSpan = 3 * time.Second
	// slowBound is the longest wait for a span of a fast enough encoder, which
	// is 2 % slower than playback.
	slowBound = slowSpan + slowSpan/50
	// longestWait is the most that one wait counts: a machine or a disk that
	// stalled once is not slow.
	longestWait = 500 * time.Millisecond
)

// adaptive is the Stream of a file, here or on a server, that is encoded while it is
// played. ffmpeg encodes no sound ahead of the pictures, so on a machine that is too slow
// for these the file is reopened at its position, with fewer and smaller pictures, and
// then with none.
type adaptive struct {
	*replaceable

	// immutable
	open   func(ctx context.Context, position time.Duration, effort effort) (media.Stream, error)
	logger *slog.Logger
	server func() time.Duration // how long its server was waited for, so far; nil: it has none

	// owned by the reader
	effort effort
	base   time.Duration // where in the file the stream began
	offset time.Duration // of the current stream's times
	sound  time.Duration // where the last frame of sound ended
	begin  time.Duration // where the span began
	waited time.Duration // for frames, in the span
	served time.Duration // the server's part of that began here
	end    error         // why it could not be opened again
}

// effort is the share of an encoding that the machine is able to do in time.
type effort int

const (
	full effort = iota
	reduced
	soundAlone
)

// of returns the encoding at this effort. Raw pictures keep their size.
func (e effort) of(enc ffmpeg.Encoding) ffmpeg.Encoding {
	o := &enc.Options
	switch e {
	case reduced:
		o.VideoFPS = max(1, o.VideoFPS/2)
		o.VideoWidth, o.VideoHeight = max(2, o.VideoWidth/2), max(2, o.VideoHeight/2)
		if enc.Format.Raw() {
			enc.Format.FPS = max(1, enc.Format.FPS/2)
		}
	case soundAlone:
		o.Tracks = media.TrackAudio
	}
	return enc
}

// newAdaptive returns an adaptive that owns a stream opened at a position with full
// effort, and reopens it by open.
func newAdaptive(env media.Env, stream media.Stream, position time.Duration, open func(context.Context, time.Duration, effort) (media.Stream, error)) *adaptive {
	return &adaptive{replaceable: newReplaceable(stream), open: open, logger: env.Logger, base: position}
}

// ReadFrame returns the next frame; see [media.Stream].
func (a *adaptive) ReadFrame() (media.Frame, error) {
	if a.end == nil && a.tooSlow() {
		a.end = a.reduce()
	}
	if a.end != nil {
		return media.Frame{}, a.end
	}
	before := time.Now()
	f, err := a.current.ReadFrame()
	if err != nil {
		return media.Frame{}, err
	}
	a.waited += min(time.Since(before), longestWait)
	f.PTS += a.offset
	if f.Track == media.TrackAudio {
		a.sound = f.PTS + f.Duration
	}
	return f, nil
}

// tooSlow reports whether the last span of sound took longer to come than it lasts.
func (a *adaptive) tooSlow() bool {
	if a.tracks != media.TrackAudio|media.TrackVideo || a.effort == soundAlone || a.sound-a.begin < slowSpan {
		return false
	}
	slow := a.waited
	if a.server != nil {
		served := a.server()
		slow -= served - a.served
		a.served = served
	}
	a.begin, a.waited = a.sound, 0
	return slow > slowBound
}

// reduce reopens the file at the end of the last frame of sound, with less effort.
func (a *adaptive) reduce() error {
	err := a.replace("open with fewer pictures", func(ctx context.Context) (media.Stream, error) {
		return a.open(ctx, a.base+a.tuning.sound.Media(a.sound), a.effort+1)
	})
	if err != nil {
		return err
	}
	a.offset = a.sound
	a.effort++
	a.logger.Warn("this machine is too slow for the pictures: they are cut down", slog.Bool("none", a.effort == soundAlone))
	return nil
}
