package instances

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// sink is where a player's frames go: the tracks of a connection. The due times
// of a track never decrease. The frame's data is not retained.
type sink func(f media.Frame, due time.Time)

// audience hears from a player. Its functions must not block; changed may not
// call back.
type audience struct {
	ended   func(tracks media.Track, err error)
	changed func(models.MediaState)
}

// player plays sources into a sink, one after another. A source is opened beside
// what is playing, on the goroutine of who asked for it (opening.go); the latest
// wins.
type player struct {
	env   media.Env
	stall time.Duration // silence after which a source is given up
	tell  audience

	mu      sync.Mutex // guards what follows; held while nothing waits
	out     sink       // nil until there is a connection
	current *session   // nil when nothing plays
	opening *opening   // the latest that is being opened, or nil
	paused  bool
	muted   bool
	needKey bool              // pictures were withheld: the next one sent is a key frame
	heard   time.Time         // when the last sound has been heard
	played  time.Duration     // where the last session ended
	told    models.MediaState // what changed heard last
	closed  error             // why the player takes no more sources, or nil
	count   playerCount
}

// playerCount is what Stats says of sessions that are over, and of restarts.
type playerCount struct{ late, moves, restarts uint64 }

func newPlayer(env media.Env, stall time.Duration, tell audience) *player {
	p := &player{env: env, stall: stall, tell: tell}
	p.told = p.describe()
	return p
}

// tick brings a session's clock in line with the state of the player. A session
// begins when the last sound before it has been heard: sound never overlaps, and a
// picture may take the place of another at any time.
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
	send := !p.muted
	if f.Track == media.TrackVideo {
		send = send && (f.Key || !p.needKey)
		p.needKey = !send
	} else {
		p.heard = due.Add(f.Duration)
	}
	out := p.out
	p.mu.Unlock()
	if send && out != nil {
		out(f, due)
	}
}

// sessionEnded is called by the pump of a session whose stream ended by itself.
// While a seek is opening the same source again, the end is kept back: the source
// has not ended if the seek succeeds.
func (p *player) sessionEnded(s *session, err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.mu.Lock()
	report := nothing
	if p.opening != nil && p.opening.again == s {
		p.opening.ended, p.opening.end = true, err
	} else {
		report = p.retire(s, err)
	}
	p.mu.Unlock()
	report()
}

// nothing is a report of no event.
func nothing() {}

// retire takes a session that is over out of the player, unless it is no longer
// current. The caller holds mu and calls the report it gets without.
func (p *player) retire(s *session, err error) (report func()) {
	if s == nil || p.current != s {
		return nothing
	}
	p.current, p.played = nil, s.position()
	p.count.late += s.late.Load()
	p.count.moves += s.moves.Load()
	p.announce()
	return func() { p.tell.ended(s.stream.Tracks(), err) }
}

// connect gives the player its sink: what is armed begins to play, or goes on. The
// first picture on it is a key frame.
func (p *player) connect(out sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out, p.needKey = out, true
	p.tick(p.current)
}

// disconnect holds what is playing until there is a sink again.
func (p *player) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = nil
	p.tick(p.current)
}

// remains is what restore goes on with.
func (p *player) remains() *Remains {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Remains{Paused: p.paused, Muted: p.muted}
	if p.current != nil {
		r.Source, r.Position = p.current.source, p.at()
	}
	return r
}

// restore brings a new player to where another one was.
func (p *player) restore(ctx context.Context, r Remains) error {
	_, _ = p.setPaused(r.Paused) // new: it takes both
	_, _ = p.setMuted(r.Muted)
	src, ok := r.Source.(media.SeekableSource)
	if !ok || r.Position <= src.Start() {
		if r.Source == nil {
			return nil
		}
		return p.setSource(ctx, r.Source)
	}
	return p.open(ctx, &opening{source: src, from: r.Position}, func() error { return nil },
		func(ctx context.Context, env media.Env) (media.Stream, error) {
			return src.OpenAt(ctx, env, r.Position)
		})
}

// setPaused reports whether it changed anything.
func (p *player) setPaused(on bool) (bool, error) { return p.set(&p.paused, on) }

// setMuted reports whether it changed anything.
func (p *player) setMuted(on bool) (bool, error) { return p.set(&p.muted, on) }

func (p *player) set(flag *bool, on bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return false, p.closed
	}
	changed := *flag != on
	*flag = on
	p.tick(p.current)
	p.announce()
	return changed, nil
}

// announce tells of the state when it is another than before.
func (p *player) announce() {
	if now := p.describe(); now != p.told {
		p.told = now
		p.tell.changed(now)
	}
}

func (p *player) describe() models.MediaState {
	return models.MediaState{
		Muted:              p.muted,
		Paused:             p.paused,
		VideoStopped:       p.current == nil || !p.current.stream.Tracks().Has(media.TrackVideo),
		PresentationPaused: true,
	}
}

func (p *player) state() models.MediaState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.describe()
}

// position is where the current source is, or where the last one ended.
func (p *player) position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at()
}

func (p *player) at() time.Duration {
	if p.current != nil {
		return p.current.position()
	}
	return p.played
}

// tracks are those of the current source.
func (p *player) tracks() media.Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return 0
	}
	return p.current.stream.Tracks()
}

// counts is the total over all sessions.
func (p *player) counts() playerCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.count
	if p.current != nil {
		c.late += p.current.late.Load()
		c.moves += p.current.moves.Load()
	}
	return c
}

// close ends everything for a reason, which is what a playing source ends with,
// and waits for it. It is idempotent.
func (p *player) close(reason error) {
	p.mu.Lock()
	if p.closed == nil {
		p.closed = reason
	}
	if p.opening != nil {
		p.opening.cancel(reason)
		p.opening = nil
	}
	s := p.current
	report := p.retire(s, reason)
	p.mu.Unlock()
	if s != nil {
		s.close()
	}
	report()
}
