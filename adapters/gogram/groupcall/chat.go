package groupcall

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/serial"
)

// chat keeps the account in one chat's call. Everything of it runs on its queue, one
// function after another: what happens changes what is wanted or known, and step then
// decides from both. What takes time runs beside it, at most one request at a time for
// the state, and one each for the source and the flags.
type chat struct {
	// immutable
	calls  *Calls
	client library
	id     int64
	log    *slog.Logger

	queue serial.Queue // guards what follows
	state State
	timer *time.Timer
	wake  time.Time // when the timer runs step; zero: it does not

	// the request under way
	gen    uint64             // answers to requests of another generation are dropped
	cancel context.CancelFunc // nil while there is none
	due    time.Time          // no request of the state before

	// what is wanted
	wanted  bool // in the call
	live    bool // to publish a stream
	pending *play
	src     *source         // what plays, or is to
	played  bool            // something, since the account was out
	idleAt  time.Time       // when it leaves if nothing comes to be played
	answers []func()        // to Plays, given at the end of the step
	outs    []chan struct{} // closed when the chat is out
	why     error           // why it is leaving

	// what is known of Telegram's call
	call    Call
	version int
	me      Participant
	parked  parked

	// what is known of the library's call
	lib         int // counts its calls; 0 while there is none
	libs        int
	kept        bool // it was connected: Rejoin keeps the place
	link        gotgcall.ConnState
	silentSince time.Time
	params      string
	answer      string
	ssrc        uint32   // of the connection that is used or asked for
	ssrcs       []uint32 // of all of them
	place       time.Duration

	try     attempts
	back    comeback
	held    bool            // paused by us
	sent    bool            // a join: there may be something to leave
	joining <-chan struct{} // closed when the last join is answered
	entered bool            // since it was out
	watch   watch
	mirror  *mirror // nil before the first join
}

// attempts counts what was tried to get in since the last success.
type attempts struct {
	again, fresh, find, once, connect int
	renewed                           bool          // params, after again failed
	verify                            bool          // a join's answer was lost
	invited                           bool          // to the chat
	started                           bool          // a call
	key                               bool          // another stream key
	flooded                           time.Duration // waited without a word
}

func newChat(s *Calls, id int64) *chat {
	c := &chat{calls: s, client: s.client, id: id, log: s.cfg.logger.With("chat", id)}
	c.timer = time.AfterFunc(time.Hour, func() { c.post(func() {}) }) // stopped by arm
	c.timer.Stop()
	return c
}

// post runs f and then a step on the chat's queue.
func (c *chat) post(f func()) {
	c.queue.Post(func() {
		f()
		c.step()
	})
}

// step does what is due, decided from what is wanted and what is known.
func (c *chat) step() {
	c.wake = time.Time{}
	c.expire()
	for done := false; !done; {
		state, wanted := c.state, c.wanted
		c.advance()
		done = c.state == state && c.wanted == wanted
	}
	c.openSource()
	c.hold()
	c.reflect()
	c.settle()
	c.arm()
	c.calls.publish(c.id, c.describe())
	for _, answer := range c.answers {
		answer()
	}
	c.answers = nil
	if c.state == Out {
		c.calls.forget(c)
	}
}

// advance does what the state asks for.
func (c *chat) advance() {
	switch c.state {
	case Out:
		if c.wanted {
			c.try, c.back, c.why = attempts{}, comeback{}, nil
			c.due = time.Time{}
			c.move(Resolving, Out)
		}
	case Resolving:
		c.resolve()
	case Joining:
		c.join()
	case Connecting:
		c.connect()
	case In, Muted:
		c.stay()
	case Recovering:
		c.recover()
	case Parked:
		c.stayParked()
	case Leaving:
		c.letGo()
	}
}

// describe returns what the bot can know.
func (c *chat) describe() Status {
	s := Status{State: c.state, Live: c.live, Listeners: c.listeners()}
	if c.state == Parked {
		s.Err, s.Until = c.parked.err, c.parked.until
	}
	return s
}

// ready reports whether a request of the state may be sent now.
func (c *chat) ready() bool {
	if c.cancel != nil {
		return false
	}
	if time.Now().Before(c.due) {
		c.alarm(c.due)
		return false
	}
	return true
}

// ask sends a request beside the queue; then gets the answer, unless the chat has
// turned to something else meanwhile.
func ask[T any](c *chat, do func(ctx context.Context) (T, error), then func(T, error)) {
	c.drop()
	gen := c.gen
	ctx, cancel := context.WithCancel(c.calls.life)
	c.cancel = cancel
	c.beside(func() {
		v, err := do(ctx)
		cancel()
		c.post(func() {
			if gen == c.gen {
				c.cancel = nil
				then(v, err)
			}
		})
	})
}

// drop turns away from the request under way.
func (c *chat) drop() {
	c.gen++
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

// beside runs f on a goroutine that Close waits for. f ends with the life of Calls.
func (c *chat) beside(f func()) {
	c.calls.work.Add(1)
	go func() {
		defer c.calls.work.Done()
		f()
	}()
}

// alarm has step run at a time.
func (c *chat) alarm(at time.Time) {
	if c.wake.IsZero() || at.Before(c.wake) {
		c.wake = at
	}
}

// passed reports whether a time is set and has come, and has step run when it comes.
func (c *chat) passed(at time.Time) bool {
	if at.IsZero() {
		return false
	}
	if time.Now().Before(at) {
		c.alarm(at)
		return false
	}
	return true
}

func (c *chat) arm() {
	if c.wake.IsZero() {
		c.timer.Stop()
		return
	}
	c.timer.Reset(time.Until(c.wake))
}

// limited sends a request within the account's limits.
func (c *chat) limited(ctx context.Context, m method, send func(context.Context, Account) error) error {
	return c.calls.limits.do(ctx, m, func(ctx context.Context) error {
		return send(ctx, c.calls.account)
	})
}

// hadSSRC reports whether a connection of ours had it.
func (c *chat) hadSSRC(ssrc uint32) bool { return slices.Contains(c.ssrcs, ssrc) }

// setSSRC notes that of a connection that is asked for.
func (c *chat) setSSRC(ssrc uint32) {
	const enough = 16 // late news is seconds old
	c.ssrc = ssrc
	if !c.hadSSRC(ssrc) {
		c.ssrcs = append(c.ssrcs, ssrc)
	}
	if len(c.ssrcs) > enough {
		c.ssrcs = slices.Delete(c.ssrcs, 0, 1)
	}
}

// say posts a notice about the chat.
func (c *chat) say(n Notice) { c.calls.say(n) }
