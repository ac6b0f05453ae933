package play

import (
	"cmp"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Sink takes the frames of a Player, such as the tracks of a connection. The due
// times of a track never decrease. The frame's data is not retained.
type Sink func(f media.Frame, due time.Time)

// Events receives a Player's events, in order and with its lock held. The methods
// must neither block nor call the Player.
type Events interface {
	// SourceEnd reports the end of a source and its tracks, video first. The error
	// is nil at the natural end.
	SourceEnd(tracks []models.StreamType, err error)
	// Upgrade reports a change of the mute, pause and video flags.
	Upgrade(models.MediaState)
}

// Config says how a Player opens sources.
type Config struct {
	Env media.Env
	// StallTimeout is how long a source may give nothing before it is given up.
	StallTimeout time.Duration
	// Wheel paces the sources, and may be shared by players whose sinks do not block.
	// nil: one for this Player.
	Wheel *Wheel
	// Window is how far back Silence may have to look; 0: not at all.
	Window time.Duration
}

// Player plays sources into a Sink, one after another. A source is opened while the
// old one plays, on the goroutine of the caller (opening.go); the latest wins. One more
// can wait for its end (next.go). Its methods are safe for concurrent use. The caller
// must Close it.
type Player struct {
	cfg    Config // immutable
	events Events // immutable
	own    *Wheel // immutable; nil if there is one in cfg

	tuning chan struct{} // holds a token while somebody reopens sources for their sound

	sessions sync.WaitGroup // one for each session that is not quite gone

	mu           sync.Mutex // guards what follows; held while nothing waits
	out          Sink       // nil until there is a connection
	current      *session   // nil when nothing plays
	opening      *opening   // the latest that is being opened, or nil
	next         *session   // begins when the current one has ended; or nil
	openingNext  *opening   // the latest that is to become next, or nil
	orders       uint64     // how many openings have begun
	sound        media.Sound
	sounds       uint64    // how often it was set, or vp8Only
	tuned        time.Time // when a source was last reopened for it
	vp8Only      bool      // the server takes no H.264
	paused       bool
	muted        bool
	needKey      bool              // pictures were withheld: the next one sent is a key frame
	audioEnd     time.Time         // when the last sound written ends
	picture      time.Time         // when the last picture written was due
	pictureEnd   time.Time         // when it ends
	lastPosition time.Duration     // where the last session ended
	lastState    models.MediaState // reported last
	quiet        bool              // changes are not reported
	silent       bool              // the server is silent: each session has its place
	closed       error             // why the player takes no sources, or nil
	last         *session          // what played when the player was shut, or nil
	count        counters
}

// New returns a Player without a source. It opens nothing.
func New(cfg Config, events Events) *Player {
	p := &Player{cfg: cfg, events: events, tuning: make(chan struct{}, 1)}
	if cfg.Wheel == nil {
		p.own = NewWheel(nil)
		p.cfg.Wheel = p.own
	}
	p.sound, _ = media.Sound{}.Resolve() // the zero Sound is valid
	p.lastState = p.describe()
	return p
}

// syncClock runs or holds a session's clock as the state of the player demands. A
// session begins when the last sound before it ends: sound never overlaps, and a
// picture may replace another at any time.
func (p *Player) syncClock(s *session) {
	now := time.Now()
	switch {
	case s == nil || !s.ready:
	case p.out == nil || p.paused:
		s.clock.hold(now)
		s.first = time.Time{}
	case s.fresh() && now.Sub(s.first) < maxLate:
		s.run(s.first, nil)
	case p.audioEnd.After(now) && s.fresh():
		s.run(p.audioEnd, nil)
	default:
		s.run(now, p.cfg.Wheel.ceil)
	}
}

// write sends a frame, or withholds it while muted. After pictures were withheld
// none is sent until the next key frame: those that depend on them cannot be decoded.
func (p *Player) write(f media.Frame, due time.Time) {
	p.mu.Lock()
	send := !p.muted
	if f.Track == media.TrackVideo {
		send = send && (f.Key || !p.needKey)
		p.needKey = !send
		p.pictureEnd = due.Add(cmp.Or(f.Duration, min(due.Sub(p.picture), maxInterval)))
		p.picture = due
	} else {
		p.audioEnd = due.Add(f.Duration)
	}
	out := p.out
	p.mu.Unlock()
	if send && out != nil {
		out(f, due)
	}
}

// sessionEnded is called on the wheel for a session whose stream has ended. While a
// seek reopens the same source, the end is kept back: the source has not ended if the
// seek succeeds.
func (p *Player) sessionEnded(s *session, err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening != nil && p.opening.seekOf == s {
		p.opening.sourceEnded, p.opening.endErr = true, err
		return
	}
	p.finish(s, err)
}

// finish removes a session that is over and reports its end, unless it has been
// replaced. mu must be held.
func (p *Player) finish(s *session, err error) {
	if s == nil || p.current != s {
		return
	}
	p.current, p.lastPosition = nil, s.position()
	p.count.add(s)
	p.advance(p.mediaEnd())
	p.announce()
	p.events.SourceEnd(kinds(s.tracks), err)
}

// Connect sets the sink: what is armed begins to play, or goes on. The first picture
// written to it is a key frame.
func (p *Player) Connect(out Sink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return
	}
	p.out, p.needKey, p.silent = out, true, false
	p.syncClock(p.current)
}

// Disconnect removes the sink, and holds what is playing until the next Connect.
func (p *Player) Disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = nil
	p.syncClock(p.current)
}

// SetPaused holds the current source where it is, or resumes it. It reports whether
// that changed anything.
func (p *Player) SetPaused(on bool) (bool, error) { return p.set(&p.paused, on) }

// SetMuted withholds or writes what is played. It reports whether that changed
// anything.
func (p *Player) SetMuted(on bool) (bool, error) { return p.set(&p.muted, on) }

func (p *Player) set(flag *bool, on bool) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return false, p.closed
	}
	changed := *flag != on
	*flag = on
	p.syncClock(p.current)
	p.announce()
	return changed, nil
}

// announce reports the state if it has changed since the last report. mu must be
// held.
func (p *Player) announce() {
	now := p.describe()
	if now == p.lastState {
		return
	}
	p.lastState = now
	if !p.quiet {
		p.events.Upgrade(now)
	}
}

// Repeat reports the state again, for a participant who has just joined, unless it is
// the one that a participant begins with.
func (p *Player) Repeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	joined := models.MediaState{VideoStopped: true, PresentationPaused: true}
	if now := p.describe(); p.closed == nil && now != joined {
		p.events.Upgrade(now)
	}
}

func (p *Player) describe() models.MediaState {
	return models.MediaState{
		Muted:              p.muted,
		Paused:             p.paused,
		VideoStopped:       p.current == nil || !p.current.tracks.Has(media.TrackVideo),
		PresentationPaused: true,
	}
}

// State returns the mute, pause and video flags.
func (p *Player) State() models.MediaState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.describe()
}

// Position returns where in the current source playback is, or where the last one
// ended.
func (p *Player) Position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at()
}

func (p *Player) at() time.Duration {
	if p.current != nil {
		return p.current.position()
	}
	return p.lastPosition
}

// Plays reports whether a source is the current one, or the next.
func (p *Player) Plays(src media.Source) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.current.source == src || p.next != nil && p.next.source == src
}

// Shut ends everything for a reason, and reports it as the end of a playing source. No
// event follows. It does not wait, and is idempotent.
func (p *Player) Shut(reason error) {
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
	p.dropNext(reason, p.orders+1)
	p.out, p.last = nil, p.current
	p.finish(p.current, reason)
}

// Close is Shut, and waits until no session is left. It is idempotent.
func (p *Player) Close(reason error) {
	p.Shut(reason)
	p.mu.Lock()
	s := p.last
	p.mu.Unlock()
	if s != nil {
		s.close()
	}
	p.sessions.Wait()
	if p.own != nil {
		p.own.Wait()
	}
}
