package instances

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// script is a stream that plays frames from a slice, then ends.
type script struct {
	frames []media.Frame
	tracks media.Track
	end    error // nil: it hangs

	once   sync.Once
	closed chan struct{}
}

// newScript makes 20 ms audio and 40 ms video, in due order, with a key frame
// every 2 s, of what lies between two positions.
func newScript(tracks media.Track, from, to time.Duration) *script {
	s := &script{tracks: tracks, end: io.EOF, closed: make(chan struct{})}
	for at := from; at < to; at += 20 * time.Millisecond {
		if tracks.Has(media.TrackVideo) && (at-from)%(40*time.Millisecond) == 0 {
			s.frames = append(s.frames, media.Frame{
				Track: media.TrackVideo, PTS: at - from, Duration: 40 * time.Millisecond,
				Key: (at-from)%(2*time.Second) == 0, Data: []byte(at.String()),
			})
		}
		if tracks.Has(media.TrackAudio) {
			s.frames = append(s.frames, media.Frame{
				Track: media.TrackAudio, PTS: at - from, Duration: 20 * time.Millisecond, Data: []byte(at.String()),
			})
		}
	}
	return s
}

func (s *script) Tracks() media.Track { return s.tracks }

func (s *script) ReadFrame() (media.Frame, error) {
	select {
	case <-s.closed:
		return media.Frame{}, io.ErrClosedPipe
	default:
	}
	if len(s.frames) > 0 {
		f := s.frames[0]
		s.frames = s.frames[1:]
		return f, nil
	}
	if s.end == nil {
		<-s.closed
		return media.Frame{}, io.ErrClosedPipe
	}
	return media.Frame{}, s.end
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// fake is a source of scripts. The data of a frame is its position in the media.
type fake struct {
	tracks media.Track
	length time.Duration
	start  time.Duration
	end    error         // how its streams end; nil: they hang
	opens  time.Duration // how long Open takes
	fails  error         // what Open returns
	jump   time.Duration // how far its times jump ahead at jumpAt
	jumpAt time.Duration
	live   bool // it cannot begin anywhere but at its start
	panics bool // Open does

	mu  sync.Mutex      // guards ctx
	ctx context.Context // of the latest Open
}

var errCrash = errors.New("crash")

func newFake(tracks media.Track, length time.Duration) *fake {
	return &fake{tracks: tracks, length: length, end: io.EOF}
}

func (f *fake) Tracks() media.Track  { return f.tracks }
func (f *fake) Start() time.Duration { return f.start }

func (f *fake) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return f.OpenAt(ctx, env, f.start)
}

func (f *fake) OpenAt(ctx context.Context, _ media.Env, position time.Duration) (media.Stream, error) {
	f.mu.Lock()
	f.ctx = ctx
	f.mu.Unlock()
	timer := time.NewTimer(f.opens)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case f.panics:
		panic("a defect of the source")
	case f.live && position > f.start:
		return nil, models.ErrSeekUnsupported
	case f.fails != nil:
		return nil, f.fails
	case position >= f.length:
		return nil, io.EOF
	}
	s := newScript(f.tracks, position, f.length)
	s.end = f.end
	for i := range s.frames {
		if s.frames[i].PTS >= f.jumpAt {
			s.frames[i].PTS += f.jump
		}
	}
	return s, nil
}

// plain hides that a source can seek.
type plain struct{ media.Source }

// written is one frame that reached the sink.
type written struct {
	media.Frame
	media time.Duration // position in the media
	due   time.Time
	at    time.Time
}

type endOf struct {
	tracks media.Track
	err    error
}

// rig is a player and what it told.
type rig struct {
	*player
	mu      sync.Mutex // guards what follows
	written []written
	ends    []endOf
	states  []models.MediaState
	onEnd   func()
}

func newRig(stall time.Duration) *rig {
	r := &rig{}
	r.player = newPlayer(media.Env{Logger: slog.New(slog.DiscardHandler)}, stall, audience{
		ended: func(tracks media.Track, err error) {
			r.mu.Lock()
			r.ends = append(r.ends, endOf{tracks, err})
			onEnd := r.onEnd
			r.mu.Unlock()
			if onEnd != nil {
				onEnd()
			}
		},
		changed: func(s models.MediaState) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.states = append(r.states, s)
		},
	})
	return r
}

// plug connects the player to the rig.
func (r *rig) plug() {
	r.connect(func(f media.Frame, due time.Time) {
		position, err := time.ParseDuration(string(f.Data))
		if err != nil {
			panic(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		f.Data = nil
		r.written = append(r.written, written{f, position, due, time.Now()})
	})
}

func (r *rig) got(track media.Track) []written {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []written
	for _, w := range r.written {
		if w.Track == track {
			some = append(some, w)
		}
	}
	return some
}

func (r *rig) ended() []endOf {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]endOf(nil), r.ends...)
}

// recorder is the Events of a test. What it has no function for is dropped.
type recorder struct {
	streamEnd  func(models.StreamType, models.Device, error)
	upgrade    func(models.MediaState)
	connection func(models.NetworkInfo)
	ended      func(*Remains)
	gone       func()
}

func (r *recorder) StreamEnd(t models.StreamType, d models.Device, err error) {
	if r.streamEnd != nil {
		r.streamEnd(t, d, err)
	}
}

func (r *recorder) Upgrade(s models.MediaState) {
	if r.upgrade != nil {
		r.upgrade(s)
	}
}

func (r *recorder) Connection(info models.NetworkInfo) {
	if r.connection != nil {
		r.connection(info)
	}
}

func (r *recorder) Ended(remains *Remains, last func()) {
	last()
	if r.ended != nil {
		r.ended(remains)
	}
}

func (r *recorder) Gone() {
	if r.gone != nil {
		r.gone()
	}
}
