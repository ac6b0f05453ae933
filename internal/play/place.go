package play

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// The place that a lost call keeps is that of the last packet that somebody can have
// received: where the current session was when the server was last heard, or where
// it begins if it began later. A source whose end has been reported is over. A
// server that closes the connection was heard until then.

// trailLength times the step of a trail covers the window and a check of ICE's, which
// notices a silent server that much later.
const (
	trailLength = 48
	trailSteps  = 32 // in a window
)

// trail is where a session was in the last few seconds.
type trail struct {
	step time.Duration // between two marks; 0: there are none

	mu    sync.Mutex        // guards what follows
	marks [trailLength]mark // a ring
	count int               // marks ever made
}

// mark is how much of a stream had been handed over at an instant.
type mark struct {
	at     time.Time
	handed time.Duration
}

func (t *trail) add(now time.Time, handed time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.step == 0 || t.count > 0 && now.Sub(t.marks[(t.count-1)%trailLength].at) < t.step {
		return
	}
	t.marks[t.count%trailLength] = mark{now, handed}
	t.count++
}

// at returns how much had been handed over at an instant, or as long ago as is known.
func (t *trail) at(instant time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := t.count - 1; i >= max(0, t.count-trailLength); i-- {
		if m := t.marks[i%trailLength]; !m.at.After(instant) {
			return m.handed
		}
	}
	if t.count > trailLength {
		return t.marks[t.count%trailLength].handed
	}
	return 0
}

// Silence keeps the place of the instant when the server was last heard, until it is
// Audible again.
func (p *Player) Silence(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent {
		return
	}
	p.silent = true
	if p.current != nil {
		p.current.place = p.current.trail.at(since)
	}
}

// Audible forgets the place that silence kept: what plays is received.
func (p *Player) Audible() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
}

// Snapshot is what a Player is doing, for another one to go on with.
type Snapshot struct {
	Source        media.Source  // nil: nothing
	Tracks        media.Track   // those its stream has
	Position      time.Duration // what the server can have received
	Paused, Muted bool
}

// Snapshot returns what Restore goes on with.
func (p *Player) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Snapshot{Paused: p.paused, Muted: p.muted}
	if s := p.current; s != nil {
		r.Source, r.Tracks, r.Position = s.source, s.tracks, s.position()
		if p.silent {
			r.Position = s.base + s.place
		}
	}
	return r
}

// Restore brings a new player to where another one was, without a report. A source
// that cannot begin there begins as it does when it is set; one that has nothing
// there ends.
func (p *Player) Restore(ctx context.Context, r Snapshot) error {
	p.mu.Lock()
	p.paused, p.muted, p.quiet = r.Paused, r.Muted, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told, p.quiet = p.describe(), false
	}()
	if r.Source == nil {
		return nil
	}
	src, ok := r.Source.(media.SeekableSource)
	if !ok || r.Position == 0 {
		return p.SetSource(ctx, r.Source)
	}
	err := p.open(ctx, &opening{source: src, from: r.Position}, func() error { return nil },
		func(ctx context.Context, env media.Env) (media.Stream, error) {
			return src.OpenAt(ctx, env, r.Position)
		})
	switch {
	case errors.Is(err, models.ErrSeekUnsupported):
		return p.SetSource(ctx, r.Source)
	case errors.Is(err, io.EOF):
		return p.endAt(r)
	}
	return err
}

// endAt reports the natural end of a source that has nothing left to play.
func (p *Player) endAt(r Snapshot) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	p.played = r.Position
	p.reportEnd(r.Tracks, nil)
	return nil
}
