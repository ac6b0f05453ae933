package instances

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// sink is where a player's frames go: the tracks of a connection. The due times
// of a track never decrease. The frame's data is not retained.
type sink func(f media.Frame, due time.Time)

// player plays sources into a sink, one after another. A source is opened beside
// what is playing, on the goroutine of who asked for it; the latest wins.
type player struct {
	env   media.Env
	ended func(tracks media.Track, err error) // must not block

	mu      sync.Mutex // guards what follows; held while nothing waits
	out     sink       // nil until there is a connection
	current *session   // nil when nothing plays
	opening *opening   // the latest source being opened, or nil
	paused  bool
	muted   bool
	needKey bool          // pictures were withheld: the next one sent is a key frame
	heard   time.Time     // when the end of the last frame is due
	played  time.Duration // where the last session ended
	closed  error         // why the player takes no more sources, or nil
}

// opening is one setSource that has not come to an end.
type opening struct{ cancel context.CancelCauseFunc }

func newPlayer(env media.Env, ended func(media.Track, error)) *player {
	return &player{env: env, ended: ended}
}

// setSource opens src and lets it replace what is playing. When it fails, what
// was playing goes on. It never waits for a connection.
func (p *player) setSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o := &opening{cancel}
	if err := p.begin(o); err != nil {
		return err
	}
	stream, err := src.Open(ctx, p.env)
	if err != nil {
		p.abandon(o)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("open source: %w", err)
	}
	if want, have := src.Tracks(), stream.Tracks(); !have.Has(want) {
		p.env.Logger.Warn("the source lacks a track that was asked for", "asked", want, "has", have)
	}
	if err := p.install(ctx, o, stream); err != nil {
		return errors.Join(fmt.Errorf("open source: %w", err), stream.Close())
	}
	return nil
}

func (p *player) begin(o *opening) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if p.opening != nil {
		p.opening.cancel(models.ErrSourceReplaced)
	}
	p.opening = o
	return nil
}

func (p *player) abandon(o *opening) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening == o {
		p.opening = nil
	}
}

// install makes an opened stream the current session, unless the opening was
// called off. The new pump ends the old session before it reads.
func (p *player) install(ctx context.Context, o *opening, stream media.Stream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening == o {
		p.opening = nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	old, s := p.current, newSession(stream, p.write, p.sessionEnded)
	p.current = s
	go func() { // ends with the stream or on s.close, which waits for it
		if old != nil {
			old.close()
		}
		p.start(s)
		s.pump()
	}()
	return nil
}

// start lets the session's clock run, if nothing stands against it.
func (p *player) start(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.ready = true
	p.tick(s)
}

// tick brings a session's clock in line with the state of the player. A session
// begins when the last frame before it has been heard: frames never overlap.
func (p *player) tick(s *session) {
	now := time.Now()
	switch {
	case s == nil || !s.ready:
	case p.out == nil || p.paused:
		s.clock.hold(now)
	case p.heard.After(now) && s.at() == 0:
		s.clock.run(p.heard)
	default:
		s.clock.run(now)
	}
}

// write sends a frame, or withholds it while muted. After pictures were withheld
// none is sent until the next key frame: what depends on them cannot be decoded.
func (p *player) write(f media.Frame, due time.Time) {
	p.mu.Lock()
	if end := due.Add(f.Duration); end.After(p.heard) {
		p.heard = end
	}
	send := !p.muted
	if f.Track == media.TrackVideo {
		send = send && (f.Key || !p.needKey)
		p.needKey = !send
	}
	out := p.out
	p.mu.Unlock()
	if send {
		out(f, due)
	}
}

// sessionEnded is called by the pump of a session whose stream ended by itself.
func (p *player) sessionEnded(s *session, err error) {
	p.mu.Lock()
	current := p.current == s
	if current {
		p.current, p.played = nil, s.at()
	}
	p.mu.Unlock()
	if !current {
		return
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.ended(s.stream.Tracks(), err)
}

// connect gives the player its sink: what is armed begins to play.
func (p *player) connect(out sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = out
	p.tick(p.current)
}

// setPaused reports whether it changed anything.
func (p *player) setPaused(on bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return false, p.closed
	}
	changed := p.paused != on
	p.paused = on
	p.tick(p.current)
	return changed, nil
}

// setMuted reports whether it changed anything.
func (p *player) setMuted(on bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return false, p.closed
	}
	changed := p.muted != on
	p.muted = on
	return changed, nil
}

func (p *player) state() models.MediaState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return models.MediaState{
		Muted:              p.muted,
		Paused:             p.paused,
		VideoStopped:       p.current == nil || !p.current.stream.Tracks().Has(media.TrackVideo),
		PresentationPaused: true,
	}
}

// position is how much of the current source, or of the last one, was played.
func (p *player) position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		return p.current.at()
	}
	return p.played
}

// close ends everything for a reason, which is what a playing source ends with,
// and waits for it. It is idempotent.
func (p *player) close(reason error) {
	p.mu.Lock()
	s := p.current
	p.current = nil
	if p.closed == nil {
		p.closed = reason
	}
	if p.opening != nil {
		p.opening.cancel(reason)
	}
	if s != nil {
		p.played = s.at()
	}
	p.mu.Unlock()
	if s != nil {
		s.close()
		p.ended(s.stream.Tracks(), reason)
	}
}
