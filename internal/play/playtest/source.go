package playtest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Stream plays frames from a slice, then ends.
type Stream struct {
	Frames []media.Frame
	tracks media.Track
	End    error // nil: it hangs
	Ready  bool  // it says that it never waits

	once   sync.Once
	closed chan struct{}
}

// NewStream returns 20 ms audio and 40 ms video, in due order, with a key frame
// every 2 s, between two positions of the media.
func NewStream(tracks media.Track, from, to time.Duration) *Stream {
	s := &Stream{tracks: tracks, End: io.EOF, closed: make(chan struct{})}
	for at := from; at < to; at += 20 * time.Millisecond {
		if tracks.Has(media.TrackVideo) && (at-from)%(40*time.Millisecond) == 0 {
			s.Frames = append(s.Frames, media.Frame{
				Track: media.TrackVideo, PTS: at - from, Duration: 40 * time.Millisecond,
				Key: (at-from)%(2*time.Second) == 0, Data: []byte(at.String()),
			})
		}
		if tracks.Has(media.TrackAudio) {
			s.Frames = append(s.Frames, media.Frame{
				Track: media.TrackAudio, PTS: at - from, Duration: 20 * time.Millisecond, Data: []byte(at.String()),
			})
		}
	}
	return s
}

// Tracks returns the tracks of the source.
func (s *Stream) Tracks() media.Track { return s.tracks }

// Prompt returns Ready.
func (s *Stream) Prompt() bool { return s.Ready }

// ReadFrame returns the next frame, or End.
func (s *Stream) ReadFrame() (media.Frame, error) {
	select {
	case <-s.closed:
		return media.Frame{}, io.ErrClosedPipe
	default:
	}
	if len(s.Frames) > 0 {
		f := s.Frames[0]
		s.Frames = s.Frames[1:]
		return f, nil
	}
	if s.End == nil {
		<-s.closed
		return media.Frame{}, io.ErrClosedPipe
	}
	return media.Frame{}, s.End
}

// Close interrupts a ReadFrame that hangs.
func (s *Stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Source is a source of Streams. The data of a frame is its position in the media.
type Source struct {
	tracks media.Track

	Length    time.Duration
	Begin     time.Duration // returned by Start
	End       error         // how its streams end; nil: they hang
	OpenTakes time.Duration // how long Open takes
	Fails     error         // the error of Open
	Jump      time.Duration // how far its times jump ahead at JumpAt
	JumpAt    time.Duration
	Live      bool // it cannot begin anywhere but at its start
	Panics    bool // Open does
	Ready     bool // its streams never wait

	mu  sync.Mutex      // guards ctx
	ctx context.Context // of the latest Open
}

// ErrCrash is an unnatural end of a stream.
var ErrCrash = errors.New("crash")

// New returns a source of some length.
func New(tracks media.Track, length time.Duration) *Source {
	return &Source{tracks: tracks, Length: length, End: io.EOF}
}

// Tracks returns the tracks that New was given.
func (f *Source) Tracks() media.Track { return f.tracks }

// Start returns Begin.
func (f *Source) Start() time.Duration { return f.Begin }

// Context returns the one of the latest Open.
func (f *Source) Context() context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ctx
}

// Open is OpenAt at Begin.
func (f *Source) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return f.OpenAt(ctx, env, f.Begin)
}

// OpenAt returns a Stream, after OpenTakes.
func (f *Source) OpenAt(ctx context.Context, _ media.Env, position time.Duration) (media.Stream, error) {
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	timer := time.NewTimer(f.OpenTakes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case f.Panics:
		panic("a defect of the source")
	case f.Live && position > f.Begin:
		return nil, models.ErrSeekUnsupported
	case f.Fails != nil:
		return nil, f.Fails
	case position >= f.Length:
		return nil, io.EOF
	}
	s := NewStream(f.tracks, position, f.Length)
	s.End, s.Ready = f.End, f.Ready
	for i := range s.Frames {
		if s.Frames[i].PTS >= f.JumpAt {
			s.Frames[i].PTS += f.Jump
		}
	}
	return s, nil
}

// Plain hides that a source can seek.
type Plain struct{ media.Source }
