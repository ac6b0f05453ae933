package instances

import (
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

// audience receives a player's events, in order and with its lock held. The
// functions must neither block nor call the player.
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

	// window is how far back silence may have to look; 0: not at all. It is
	// set before the first source.
	window time.Duration

	pumps sync.WaitGroup // one for each session that is not quite gone

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
	quiet   bool              // changes are not reported
	silent  bool              // the server is not heard: each session has its place
	closed  error             // why the player takes no more sources, or nil
	last    *session          // what played when the player was shut, or nil
	count   playerCount
}

// playerCount is what Stats says of sessions that are over, and of restarts.
type playerCount struct{ late, moves, restarts uint64 }

// add counts what a session did so far.
func (c *playerCount) add(s *session) {
	c.late += s.late.Load()
	c.moves += s.moves.Load()
	if stream, ok := s.stream.(interface{ Restarts() uint64 }); ok {
		c.restarts += stream.Restarts()
	}
}

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
	defer p.mu.Unlock()
	if p.opening != nil && p.opening.again == s {
		p.opening.ended, p.opening.end = true, err
		return
	}
	p.retire(s, err)
}

// retire takes a session that is over out of the player and reports its end, unless
// it is no longer current. mu must be held.
func (p *player) retire(s *session, err error) {
	if s == nil || p.current != s {
		return
	}
	p.current, p.played = nil, s.position()
	p.count.add(s)
	p.announce()
	p.tell.ended(s.tracks, err)
}

// connect gives the player its sink: what is armed begins to play, or goes on. The
// first picture on it is a key frame.
func (p *player) connect(out sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return
	}
	p.out, p.needKey, p.silent = out, true, false
	p.tick(p.current)
}

// disconnect holds what is playing until there is a sink again.
func (p *player) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = nil
	p.tick(p.current)
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

// announce reports the state if it has changed since the last report. mu must be
// held.
func (p *player) announce() {
	now := p.describe()
	if now == p.told {
		return
	}
	p.told = now
	if !p.quiet {
		p.tell.changed(now)
	}
}

// repeat reports the state once more, to a participant who has just joined, unless
// it is what one begins with.
func (p *player) repeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	joined := models.MediaState{VideoStopped: true, PresentationPaused: true}
	if now := p.describe(); p.closed == nil && now != joined {
		p.tell.changed(now)
	}
}

func (p *player) describe() models.MediaState {
	return models.MediaState{
		Muted:              p.muted,
		Paused:             p.paused,
		VideoStopped:       p.current == nil || !p.current.tracks.Has(media.TrackVideo),
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

// plays reports whether a source is the current one.
func (p *player) plays(src media.Source) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.current.source == src
}

// tracks are those of the current source.
func (p *player) tracks() media.Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return 0
	}
	return p.current.tracks
}

// counts is the total over all sessions.
func (p *player) counts() playerCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.count
	if p.current != nil {
		c.add(p.current)
	}
	return c
}

// shut ends everything for a reason, which is what a playing source ends with, and
// reports it. No event follows. It does not wait, and is idempotent.
func (p *player) shut(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return
	}
	p.closed = reason
	if p.opening != nil {
		p.opening.cancel(reason)
		p.opening = nil
	}
	p.out, p.last = nil, p.current
	p.retire(p.current, reason)
}

// close is shut, and waits until no session is left. It is idempotent.
func (p *player) close(reason error) {
	p.shut(reason)
	p.mu.Lock()
	s := p.last
	p.mu.Unlock()
	if s != nil {
		s.close()
	}
	p.pumps.Wait()
}
