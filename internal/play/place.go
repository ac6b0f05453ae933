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

// The place that a lost call keeps is that of the last packet that the server can have
// received: the position of the current session at the server's last sign of life, or
// its start if it began later. A source whose end has been reported is over. A server
// that closes the connection was alive until then.

// trailLength times the step of a trail covers the window and a check of ICE's, which
// notices a silent server that much later.
const (
	trailLength = 48
	trailSteps  = 32 // in a window
)

// trail records the positions of a session over the last few seconds.
type trail struct {
	step time.Duration // between two marks; 0: there are none

	mu    sync.Mutex        // guards what follows
	marks [trailLength]mark // a ring
	count int               // marks ever made
	first time.Duration     // what had been handed over before
}

// mark is the amount of a stream that had been handed over at an instant.
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

// at returns how much had been handed over at an instant, or at the oldest mark if that
// is later.
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
	return t.first
}

// follow makes the trail that of another session up to now, whose times become those of
// this one by a function.
func (t *trail) follow(other *trail, convert func(time.Duration) time.Duration) {
	other.mu.Lock()
	defer other.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marks, t.count, t.first = other.marks, other.count, convert(other.first)
	for i := range t.marks {
		t.marks[i].handed = convert(t.marks[i].handed)
	}
}

// Silence keeps the place at an instant, the server's last sign of life, until Audible
// or Connect is called.
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

// Audible forgets the place that Silence kept.
func (p *Player) Audible() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
}

// Snapshot is what a Player is doing, for another one to go on with.
type Snapshot struct {
	Source        media.Source  // nil: nothing
	Next          media.Source  // begins after it; nil: nothing
	Tracks        media.Track   // those its stream has
	Position      time.Duration // what the server can have received
	Paused, Muted bool
	Sound         media.Sound
}

// Snapshot returns the source and its place for [Player.Restore].
func (p *Player) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Snapshot{Paused: p.paused, Muted: p.muted, Sound: p.sound}
	if s := p.current; s != nil {
		r.Source, r.Tracks, r.Position = s.source, s.tracks, s.position()
		if p.silent {
			r.Position = s.media(s.place)
		}
	}
	switch o := p.openingNext; {
	case o != nil && o.restored:
		r.Next = o.source
	case p.next != nil:
		r.Next = p.next.source
	}
	return r
}

// Restore makes a new Player go on where another one was, without an event. A source
// that cannot begin there is opened as by SetSource; one that has nothing left to play
// is reported as ended. The next source is opened in the background.
func (p *Player) Restore(ctx context.Context, r Snapshot) error {
	p.mu.Lock()
	p.paused, p.muted, p.quiet = r.Paused, r.Muted, true
	if sound, err := r.Sound.Resolve(); err == nil {
		p.sound = sound
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lastState, p.quiet = p.describe(), false
	}()
	if r.Source == nil {
		return p.endAt(ctx, r)
	}
	src, ok := r.Source.(media.SeekableSource)
	if !ok || r.Position == 0 {
		return p.open(ctx, &opening{source: r.Source, then: r.Next})
	}
	err := p.open(ctx, &opening{source: src, from: r.Position, exact: true, then: r.Next})
	switch {
	case errors.Is(err, models.ErrSeekUnsupported):
		return p.open(ctx, &opening{source: r.Source, then: r.Next})
	case errors.Is(err, io.EOF):
		return p.endAt(ctx, r)
	}
	return err
}

// endAt reports the natural end of a source that has nothing left to play, if there was
// one, and goes on with the next.
func (p *Player) endAt(ctx context.Context, r Snapshot) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if r.Source != nil {
		p.lastPosition = r.Position
		p.events.SourceEnd(kinds(r.Tracks), nil)
	}
	p.restoreNext(ctx, r.Next)
	return nil
}
