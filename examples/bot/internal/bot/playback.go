package bot

import (
	"context"
	"errors"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// phase is how far the current track is.
type phase int

const (
	idle      phase = iota // there is none
	held                   // out of the call; /resume plays it from where it was
	preparing              // is being downloaded
	starting               // is being opened, and the call joined
	waiting                // plays by itself when a call begins or Telegram allows it
	playing
)

// maxFailures is how many tracks in a row may fail before the bot gives up: a queue of
// dead links is not burnt through.
const maxFailures = 5

// playback is what is known of the current track.
type playback struct {
	phase     phase
	paused    bool // by a user
	muted     bool // by a user
	quiet     bool // nothing is heard that hush would have to pause
	silenced  bool // by an admin of the call
	at        time.Duration
	attempt   int       // counts the tracks that were begun
	adopted   *upcoming // the current track, if the library began it by itself
	cancel    context.CancelFunc
	loaded    *transfer
	assistant *assistant
	failures  int    // tracks in a row that could not be played
	trouble   string // what keeps it from being heard
	failure   string // what became of the track before
}

// begin plays the queue's current track from a position, or ends with the queue.
func (c *chat) begin(at time.Duration) {
	c.play.failure = ""
	c.beginAt(at)
}

// beginAfter is begin after a track that failed, which the card says.
func (c *chat) beginAfter(failure string) {
	c.play.failure = failure
	c.beginAt(0)
}

func (c *chat) beginAt(at time.Duration) {
	c.cancelAttempt()
	c.votes = make(map[int64]bool)
	e := c.queue.Current
	if e == nil {
		c.finished()
		return
	}
	if c.empty != nil {
		c.empty.Stop()
		c.empty = nil
	}
	a := c.bot.choose(c.place.Assistant)
	if a == nil {
		c.hold("None of my accounts can play. My owner has to log in again.")
		return
	}
	c.switchTo(a)
	c.play.attempt++
	c.play.at, c.play.paused = at, false
	c.place.Playing = true
	n := c.next
	c.next = nil
	switch {
	case n != nil && n.entry == e.ID && n.err != nil:
		c.abandon(n)
		c.failed(n.err)
	case n != nil && n.entry == e.ID && n.set && c.play.quiet: // what was before it has ended
		c.adopt(n)
	case n != nil && n.entry == e.ID && n.src != nil:
		c.start(n.src, n.file)
	case n != nil && n.entry == e.ID && at == 0:
		c.next = n // it is on its way: fetched goes on
		c.hush()
		c.play.phase, c.play.loaded, c.play.cancel = preparing, n.loaded, n.cancel
	default:
		c.abandon(n)
		c.prepare(e)
	}
	c.changed()
}

// switchTo makes an assistant the one that plays.
func (c *chat) switchTo(a *assistant) {
	if old := c.play.assistant; old != nil && old != a {
		id := c.id
		c.onLane(func() { _ = old.calls.Leave(c.ctx, id) })
	}
	c.play.assistant, c.place.Assistant = a, a.user.ID
}

// cancelAttempt stops what is being done for the current track. What plays goes on.
func (c *chat) cancelAttempt() {
	if c.play.cancel != nil {
		c.play.cancel()
		c.play.cancel = nil
	}
	if c.seeking != nil {
		c.seeking()
		c.seeking = nil
	}
	c.play.loaded = nil
	if c.play.phase == playing {
		c.play.at = c.position()
	}
}

// attemptCtx returns the context of the current attempt.
func (c *chat) attemptCtx() context.Context {
	if c.play.cancel != nil {
		c.play.cancel()
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.play.cancel = cancel
	return ctx
}

// start plays a source that is ready, unless a user paused meanwhile.
func (c *chat) start(src gotgcall.Source, f *file) {
	e := c.queue.Current
	if c.play.paused {
		c.next = &upcoming{entry: e.ID, src: src, file: f}
		c.play.phase = held
		c.show(card)
		return
	}
	c.play.phase, c.play.loaded, c.play.quiet = starting, nil, false
	attempt, ctx, a, id := c.play.attempt, c.attemptCtx(), c.play.assistant, c.id
	at, live := c.play.at, c.place.Live
	c.onLane(func() {
		var err error
		if live {
			if err = a.calls.Live(ctx, id, src); err == nil && at > 0 {
				_ = a.media.SeekToContext(ctx, id, at) // else it plays from its beginning
			}
		} else {
			err = a.calls.PlayAt(ctx, id, src, at)
		}
		if err == nil {
			_, _ = a.media.Resume(id) // hush may have paused it
		}
		c.box.post(func() { c.started(attempt, f, err) })
	})
	c.after(slowStart, func() {
		if c.play.attempt == attempt && c.play.phase == starting {
			c.show(card)
		}
	})
}

// slowStart is how long a track may take to start before the card says that it does.
const slowStart = 2 * time.Second

// started takes in what became of start.
func (c *chat) started(attempt int, f *file, err error) {
	var parked *groupcall.ParkedError
	kept := err == nil || errors.As(err, &parked)
	if kept {
		c.freeUsed()
		c.used = append(c.used, f)
	} else {
		c.files.free(f)
	}
	if attempt != c.play.attempt || c.play.phase != starting && c.play.phase != playing && c.play.phase != waiting {
		return
	}
	switch {
	case parked != nil:
		c.play.phase = waiting
		c.play.trouble = parked.Words()
	case err == nil:
		c.heard()
	case ofTrack(err):
		c.failed(err)
		return
	default:
		c.log.Warn("the call cannot be joined", "err", err)
		c.hold(words(err))
		return
	}
	c.changed()
}

// heard notes that the current track plays.
func (c *chat) heard() {
	c.play.phase = playing
	if !c.play.silenced {
		c.play.trouble = ""
	}
	if length, err := c.play.assistant.media.Duration(c.id); err == nil {
		c.queue.Current.Length = length // what its sender said may be anything
	}
	c.changed()
	c.show(card)
	c.schedule()
}

// onLane has the assistant do something, after what it is to do already.
func (c *chat) onLane(f func()) { c.lane.post(f) }

// ended takes in the end of what plays.
func (c *chat) ended(err error) {
	if c.play.phase != playing || c.stale() {
		return
	}
	c.play.quiet = true
	if err != nil {
		c.failed(err)
		return
	}
	c.play.failures = 0
	c.queue.Played()
	c.queue.Advance()
	c.begin(0)
}

// stale reports whether an end is that of a source that was replaced a moment ago: one
// plays, and none was set to follow.
func (c *chat) stale() bool {
	if c.next != nil && c.next.set {
		return false
	}
	stats, err := c.play.assistant.media.Stats(c.id)
	return err == nil && len(stats.Tracks) > 0
}

// failed goes on to the next track, or gives up after too many.
func (c *chat) failed(err error) {
	title := c.queue.Current.Title
	c.log.Warn("a track cannot be played", "err", err)
	failure := cleanTitle(title) + ": " + words(err)
	c.play.failures++
	c.queue.Fail()
	if c.play.failures >= maxFailures {
		c.play.failures = 0
		c.hold("I stopped: too many tracks in a row could not be played. /resume tries the next one.")
		return
	}
	c.beginAfter(failure)
}

// finished shows that the queue has ended, and leaves the call after a while.
func (c *chat) finished() {
	c.abandon(c.next)
	c.next = nil
	c.play.attempt++
	c.hush()
	c.play.phase, c.play.at, c.play.paused = idle, 0, false
	c.place.Playing = false
	c.changed()
	if c.empty == nil {
		c.empty = c.after(c.bot.cfg.Times.Empty, c.leave)
	}
}

// hold keeps the current track for /resume, and says why.
func (c *chat) hold(why string) {
	c.cancelAttempt()
	c.abandon(c.next)
	c.next = nil
	c.play.attempt++
	c.play.phase, c.play.paused = held, false
	live := c.place.Live // for /resume
	c.leave()
	c.place.Live = live
	if c.queue.Current == nil && !c.queue.Empty() {
		c.queue.Skip(1)
	}
	if c.queue.Current == nil {
		c.play.phase = idle
	}
	c.place.Playing = false
	c.play.trouble = why
	c.changed()
	c.repost()
}

// leave takes the assistant out of the call.
func (c *chat) leave() {
	if c.empty != nil {
		c.empty.Stop()
		c.empty = nil
	}
	a, id := c.play.assistant, c.id
	if a == nil {
		return
	}
	c.onLane(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.bot.cfg.Times.Leave)
		defer cancel()
		_ = a.calls.Leave(ctx, id) // it says so itself if it could not
		c.box.post(c.freeUsed)
	})
	c.place.Live, c.play.muted = false, false
}

// endPlayback ends all that is done for the current and the next track.
func (c *chat) endPlayback() {
	c.cancelAttempt()
	c.abandon(c.next)
	c.next = nil
	c.play.attempt++
}

// position returns where the current track is.
func (c *chat) position() time.Duration {
	if c.play.phase != playing {
		return c.play.at
	}
	at, err := c.play.assistant.media.Position(c.id)
	if err != nil {
		return c.play.at
	}
	return at
}
