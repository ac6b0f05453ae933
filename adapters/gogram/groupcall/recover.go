package groupcall

import (
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall"
)

// lose begins to come back, with a first question after a while.
func (c *chat) lose(after time.Duration) {
	c.drop()
	if !c.back.active {
		c.back.active, c.back.began, c.back.told = true, time.Now(), false
	}
	c.due = time.Now().Add(after)
	if c.state != Recovering {
		c.move(Recovering, In, Muted)
	}
}

// suspect takes in that an admin seems to have removed the account. What plays is held
// until that is known.
func (c *chat) suspect() {
	if c.state == Recovering && c.link != gotgcall.Connected {
		return // the server drops who is silent for long
	}
	if c.back.gone.IsZero() {
		c.back.gone = time.Now()
	}
	c.lose(time.Until(c.back.gone.Add(removedFor)))
}

// libraryLost takes in the end of the library's call.
func (c *chat) libraryLost(info gotgcall.NetworkInfo) {
	c.lib = 0
	switch c.state {
	case Joining, Connecting, In, Muted, Recovering:
	default:
		return
	}
	switch {
	case info.State == gotgcall.Closed: // by the program
		c.giveUp(gotgcall.ErrStopped)
	case c.live:
		c.publicationLost(info.Err)
	case c.state == Joining:
		c.drop()
		c.renew()
	case c.state == Connecting: // Connect returns the reason
	default:
		c.back.abrupt = c.silentSince.IsZero() || time.Since(c.silentSince) < silence
		delay, _ := c.back.delay()
		if c.back.abrupt {
			delay = 0 // ask at once whether it was an admin
		}
		c.lose(jitter(delay))
	}
}

// recover comes back into the call.
func (c *chat) recover() {
	switch {
	case !c.wanted:
		c.leaveCall()
	case c.lib != 0 && c.link == gotgcall.Connected && c.back.gone.IsZero():
		c.drop()
		c.due = time.Time{}
		c.back.active = false
		c.watch.checkAt = time.Now().Add(jitter(checkEvery))
		if c.back.told {
			c.say(Restored{InChat(c.id)})
		}
		c.move(In, Recovering)
	case c.ready():
		ask(c, c.askMe, c.checkedLoss)
	}
}

// checkedLoss takes in the account's entry, asked for while the connection is lost.
func (c *chat) checkedLoss(me Participant, err error) {
	switch {
	case err == nil && c.elsewhere(me):
		c.isElsewhere()
	case err == nil && me.SSRC == c.ssrc && c.lib != 0:
		c.back.gone = time.Time{} // the server still has us
		c.takeMe(me)
		c.due = time.Now().Add(checkLost)
	case err == nil && me.SSRC == c.ssrc:
		c.rejoin()
	case err == nil, errors.Is(err, ErrNotInCall):
		c.absent()
	case errors.Is(err, ErrCallEnded):
		c.callOver()
	case errors.Is(err, ErrNotInChat), errors.Is(err, ErrBanned):
		c.lostChat(err)
	case remedyFor(err) == retire:
		c.calls.retire(err)
	case c.lib == 0 && remedyFor(err) != obey:
		c.rejoin() // the join has an answer to everything
	default:
		c.due = time.Now().Add(checkLost)
	}
}

// absent takes in that the server has the account no longer: since an admin removed
// it, or since it was silent for too long.
func (c *chat) absent() {
	switch {
	case c.lib != 0 && c.link != gotgcall.Connected:
		c.interrupted(gotgcall.ErrConnectionFailed)
		c.due = time.Now().Add(checkLost) // the library's loss is near, and keeps the place
	case c.lib == 0 && !c.back.abrupt && c.back.gone.IsZero():
		c.rejoin()
	case c.back.gone.IsZero():
		c.back.gone = time.Now()
		c.due = c.back.gone.Add(removedFor)
		c.interrupted(ErrRemoved)
	case time.Since(c.back.gone) < removedFor:
		c.due = c.back.gone.Add(removedFor)
	default:
		c.removed()
	}
}

// removed takes in that an admin removed the account: it comes back once.
func (c *chat) removed() {
	c.back.kicks = append(recent(c.back.kicks), time.Now())
	if len(c.back.kicks) > 1 {
		c.sent = false
		c.giveUp(ErrRemoved)
		return
	}
	c.interrupted(ErrRemoved)
	c.rejoin()
}

// rejoin joins again, with the place kept.
func (c *chat) rejoin() {
	c.interrupted(gotgcall.ErrConnectionFailed)
	if _, ok := c.back.delay(); !ok {
		c.giveUp(fmt.Errorf("%w: %d times in %s", gotgcall.ErrConnectionFailed, comebacks, comebackWithin))
		return
	}
	c.back.tried()
	c.renew()
	c.due = time.Time{}
	c.move(Joining, Recovering)
}

// interrupted says once that the call is lost.
func (c *chat) interrupted(why error) {
	if !c.back.told {
		c.back.told = true
		c.say(Interrupted{InChat(c.id), why})
	}
}
