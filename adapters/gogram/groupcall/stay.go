package groupcall

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall"
)

const (
	// checkEvery is how often Telegram is asked whether the account is in the call.
	checkEvery = time.Minute
	// checkLost is how often while the server is silent: the period with which
	// Telegram Desktop checks a call that is not connected.
	checkLost = 4 * time.Second
	// checkMuted is how often while an admin mutes the account, as the news of the
	// end of that may not come.
	checkMuted = 15 * time.Second
	// removedFor is how long the account has been out before it comes back.
	removedFor = 5 * time.Second
	// comebackWithin is the time in which comebacks and removals are counted.
	comebackWithin = 10 * time.Minute
	// comebacks is how many there are in that time.
	comebacks = 5
	// silence is how long a server that goes away by itself is not heard before the
	// loss: more than Disconnected, less than Failed of any connection.
	silence = 10 * time.Second
)

var comebackDelays = [...]time.Duration{time.Second, 3 * time.Second, 9 * time.Second, 20 * time.Second}

// watch is what an account in a call looks after.
type watch struct {
	checkAt   time.Time // when to ask for its own entry
	countAt   time.Time // when to ask how many listen; zero: no need to
	aloneAt   time.Time // when it leaves, as nobody listens
	sure      bool      // the count is no older than aloneAt
	muted     time.Time // when an admin muted it
	mutedTold bool
}

// comeback is how an account comes back into a call.
type comeback struct {
	active bool // it has lost the call
	told   bool
	began  time.Time
	abrupt bool        // the server went without a silence before
	gone   time.Time   // since when the account seems to be removed; zero: it does not
	tries  []time.Time // of joins
	kicks  []time.Time // removals
}

// delay returns how long to wait for the next try, and whether there is one.
func (b *comeback) delay() (time.Duration, bool) {
	b.tries = recent(b.tries)
	n := len(b.tries)
	return comebackDelays[min(n, len(comebackDelays)-1)], n < comebacks
}

func (b *comeback) tried() { b.tries = append(b.tries, time.Now()) }

func recent(times []time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return time.Since(t) > comebackWithin })
}

// jitter returns d ±20 %, so that many chats do not ask at the same moment.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + time.Duration(rand.Int64N(int64(2*d/5)+1))
}

// stay looks after a call that the account is in.
func (c *chat) stay() {
	switch {
	case !c.wanted:
		c.leaveCall()
		return
	case c.live:
		return // the library holds the publication
	case c.lib != 0 && c.link == gotgcall.Disconnected:
		c.lose(time.Second)
		return
	}
	c.watchMute()
	c.watchAlone()
	switch {
	case c.cancel != nil:
	case c.passed(c.watch.checkAt):
		c.watch.checkAt = time.Now().Add(jitter(checkEvery))
		ask(c, c.askMe, c.checked)
	case c.passed(c.watch.countAt):
		c.watch.countAt = time.Time{}
		if alone := c.calls.cfg.alone; alone > 0 {
			c.countSoon(jitter(max(alone, checkEvery)))
		}
		ask(c, c.find, c.recounted)
	}
}

func (c *chat) askMe(ctx context.Context) (me Participant, err error) {
	call := c.call
	err = c.limited(ctx, methodMe, func(ctx context.Context, a Account) error {
		me, err = a.Me(ctx, call)
		return err
	})
	return me, err
}

// heard notes that Telegram has news of the call: there is less need to ask.
func (c *chat) heard() {
	if c.state == In && !c.watch.checkAt.IsZero() && time.Until(c.watch.checkAt) > checkEvery/2 {
		c.watch.checkAt = time.Now().Add(jitter(checkEvery))
	}
}

func (c *chat) checkSoon(within time.Duration) {
	if at := time.Now().Add(within); at.Before(c.watch.checkAt) {
		c.watch.checkAt = at
	}
}

func (c *chat) countSoon(within time.Duration) {
	if at := time.Now().Add(within); c.watch.countAt.IsZero() || at.Before(c.watch.countAt) {
		c.watch.countAt = at
	}
}

// checked takes in the account's entry, asked for while all seemed well.
func (c *chat) checked(me Participant, err error) {
	switch {
	case err == nil && c.elsewhere(me):
		c.isElsewhere()
	case err == nil && me.SSRC == c.ssrc:
		c.takeMe(me)
	case err == nil, errors.Is(err, ErrNotInCall):
		c.suspect()
	case errors.Is(err, ErrCallEnded):
		c.callOver()
	case errors.Is(err, ErrNotInChat), errors.Is(err, ErrBanned):
		c.lostChat(err)
	case remedyFor(err) == retire:
		c.calls.retire(err)
	default:
		c.log.Debug("check", "err", err)
		c.checkSoon(jitter(checkEvery / 6))
	}
}

// elsewhere reports whether the account is in the call by a connection of another
// program.
func (c *chat) elsewhere(me Participant) bool { return me.SSRC != 0 && !c.hadSSRC(me.SSRC) }

// isElsewhere lets the call go to the other device.
func (c *chat) isElsewhere() {
	c.sent = false // to leave would end the other's
	c.giveUp(ErrElsewhere)
}

// lostChat lets everything of the chat go.
func (c *chat) lostChat(err error) {
	c.sent = false
	c.giveUp(err)
}

// callOver waits for another call, as this one has ended for everybody.
func (c *chat) callOver() {
	c.sent = false
	c.park(ErrCallEnded, time.Now().Add(c.calls.cfg.patience))
}

// takeMe takes in what Telegram says of the account's right to speak, and reports
// whether that changed.
func (c *chat) takeMe(me Participant) bool {
	if me.SSRC == 0 || me.Min {
		return false
	}
	was := c.adminMuted()
	c.me.Muted, c.me.CanSelfUnmute = me.Muted, me.CanSelfUnmute
	c.mirror.observe(me.Muted, was && !c.adminMuted())
	return was != c.adminMuted()
}

func (c *chat) adminMuted() bool { return c.me.Muted && !c.me.CanSelfUnmute }

// watchMute follows an admin's mute. It is reported when it has lasted for a second, as
// one that is taken back at once is of no interest.
func (c *chat) watchMute() {
	w := &c.watch
	switch {
	case c.state == In && c.adminMuted():
		w.muted, w.mutedTold = time.Now(), false
		c.move(Muted, In)
	case c.state == Muted && !c.adminMuted() && c.speaks():
		if w.mutedTold {
			c.say(Unsilenced{InChat(c.id)})
		}
		c.move(In, Muted)
	}
	if c.state == Muted {
		c.checkSoon(checkMuted)
		if !w.mutedTold && c.passed(w.muted.Add(time.Second)) {
			w.mutedTold = true
			c.say(Silenced{InChat(c.id)})
		}
	}
}

// watchAlone leaves when nobody has listened for long.
func (c *chat) watchAlone() {
	w, limit := &c.watch, c.calls.cfg.alone
	if limit <= 0 || c.call.Participants == 0 || c.listeners() > 0 {
		w.aloneAt = time.Time{}
		return
	}
	if w.aloneAt.IsZero() {
		w.aloneAt, w.sure = time.Now().Add(limit), false
	}
	switch {
	case !c.passed(w.aloneAt):
	case w.sure:
		c.giveUp(ErrAlone)
	default: // the news of somebody may not have come
		c.countSoon(0)
	}
}

// listeners returns how many people are in the call besides the program's accounts.
func (c *chat) listeners() int {
	switch c.state {
	case In, Muted, Recovering:
		return max(0, c.call.Participants-1-c.calls.cfg.others(c.id))
	}
	return 0
}

// counted takes in how many are in the call.
func (c *chat) counted(call Call) {
	before := c.listeners()
	c.call.Participants, c.call.Version = call.Participants, call.Version
	c.call.RTMP = call.RTMP
	if now := c.listeners(); now != before {
		c.say(Listening{InChat(c.id), now})
	}
}

// recounted takes in the chat's call, asked for to count.
func (c *chat) recounted(call Call, err error) {
	switch {
	case err == nil && call.ID == c.call.ID:
		c.counted(call)
		c.watch.sure = c.passed(c.watch.aloneAt)
	case err == nil, errors.Is(err, ErrNoCall), errors.Is(err, ErrCallEnded):
		c.callOver()
	case errors.Is(err, ErrNotInChat), errors.Is(err, ErrBanned):
		c.lostChat(err)
	case remedyFor(err) == retire:
		c.calls.retire(err)
	default:
		c.log.Debug("count", "err", err)
		c.countSoon(jitter(checkEvery / 6))
	}
}
