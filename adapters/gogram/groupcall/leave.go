package groupcall

import (
	"context"
	"errors"
	"time"

	"github.com/gotgcall/gotgcall"
)

// parkedPoll is how often a chat is looked at that has no call: the news of one may not
// come.
const parkedPoll = 30 * time.Second

// scheduledPoll is how often a chat is looked at whose call begins in hours.
const scheduledPoll = 10 * time.Minute

// pollFor returns how long to wait before a chat is looked at again.
func pollFor(why error) time.Duration {
	var scheduled *ScheduledError
	if !errors.As(why, &scheduled) {
		return parkedPoll
	}
	return max(parkedPoll, min(time.Until(scheduled.Begin)/2, scheduledPoll))
}

// parked is what a chat waits for.
type parked struct {
	err   error     // why; nil: it does not wait
	until time.Time // when a flood is over, or the waiting for a call
}

func (p parked) flood() bool {
	var flood *Flood
	return errors.As(p.err, &flood)
}

// park keeps what is wanted for later.
func (c *chat) park(why error, until time.Time) {
	c.drop()
	c.remember()
	c.renew()
	if !c.kept {
		c.stopLibrary()
	}
	c.due = until
	var flood *Flood
	if told := c.parked; !errors.As(why, &flood) {
		c.due = time.Now().Add(pollFor(why))
		if told.err != nil && !told.flood() && !errors.Is(why, ErrScheduled) && !errors.Is(told.err, ErrScheduled) {
			why, until = told.err, told.until // the same waiting
		}
	}
	if told := c.parked; told.err == nil || told.until != until {
		c.parked = parked{err: why, until: until}
		c.say(Waiting{InChat(c.id), why, until})
	}
	c.reply(&ParkedError{Err: c.parked.err, Until: c.parked.until})
	c.move(Parked, Resolving, Joining, Connecting, In, Muted, Recovering)
}

// stayParked waits.
func (c *chat) stayParked() {
	switch {
	case !c.wanted:
		c.out()
	case c.parked.flood() && c.pending != nil:
		c.reply(&ParkedError{Err: c.parked.err, Until: c.parked.until})
	case !c.parked.flood() && c.passed(c.parked.until):
		c.giveUp(c.parked.err)
		c.out()
	case c.due.IsZero() || c.passed(c.due):
		c.due = time.Time{}
		c.move(Resolving, Parked)
	}
}

// giveUp ends what is wanted for a reason; advance then takes the account out.
func (c *chat) giveUp(why error) {
	if !c.wanted {
		return
	}
	if needsName(why) {
		why = &accountError{c.calls.account.Self(), why}
	}
	c.wanted, c.why = false, why
	c.reply(why)
	c.dropSource()
}

// leave ends what is wanted, and answers a Play that waits with why. out is closed when
// the account is out.
func (c *chat) leave(out chan struct{}, why error) {
	c.outs = append(c.outs, out)
	c.reply(why)
	c.giveUp(nil)
	c.why = nil
	if c.state == Out {
		c.letIn()
	}
}

// letIn lets those go on who wait for the chat to be out.
func (c *chat) letIn() {
	for _, out := range c.outs {
		c.answers = append(c.answers, func() { close(out) })
	}
	c.outs = nil
}

// leaveCall takes the account out of the call, or out of the join under way.
func (c *chat) leaveCall() {
	c.drop()
	c.remember()
	call, ssrc, joining := c.call, c.ssrc, c.joining
	c.stopLibrary()
	if !c.sent || c.live {
		c.out()
		return
	}
	c.move(Leaving, Joining, Connecting, In, Muted, Recovering)
	ask(c, func(ctx context.Context) (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, leaveWithin)
		defer cancel()
		if joining != nil { // Telegram has the join; it is undone when answered
			awaitJoin(ctx, joining)
		}
		return struct{}{}, c.askLeave(ctx, call, ssrc)
	}, func(_ struct{}, err error) {
		if err != nil && !errors.Is(err, ErrNotInCall) && !errors.Is(err, ErrCallEnded) {
			c.log.Info("leave", "err", err) // Telegram drops who is silent
		}
		c.out()
	})
}

// awaitJoin waits until a join is answered, for all but a second of leaveWithin.
func awaitJoin(ctx context.Context, joining <-chan struct{}) {
	timer := time.NewTimer(leaveWithin - time.Second)
	defer timer.Stop()
	select {
	case <-joining:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (c *chat) askLeave(ctx context.Context, call Call, ssrc uint32) error {
	return c.limited(ctx, methodLeave, func(ctx context.Context, a Account) error {
		return a.Leave(ctx, call, ssrc)
	})
}

// letGo waits for the answer to the leave, which comes within leaveWithin.
func (c *chat) letGo() {}

// remember notes the place of what plays.
func (c *chat) remember() {
	if at, err := c.client.Position(c.id); err == nil && c.played {
		c.place = at
	}
}

// stopLibrary ends the library's call, and forgets its place.
func (c *chat) stopLibrary() {
	if c.lib != 0 || c.kept {
		c.lib, c.kept, c.held = 0, false, false
		_ = c.client.Stop(c.id) // it may have ended
	}
}

// out takes in that the account is out.
func (c *chat) out() {
	c.drop()
	c.remember()
	c.stopLibrary()
	if c.entered || c.parked.err != nil {
		c.say(Left{InChat: InChat(c.id), Err: c.why, At: c.place})
	}
	c.move(Out, Resolving, Joining, Connecting, In, Muted, Recovering, Parked, Leaving)
	c.call, c.me, c.version, c.ssrc, c.ssrcs = Call{}, Participant{}, 0, 0, nil
	c.params, c.answer, c.sent, c.entered, c.place = "", "", false, false, 0
	c.parked, c.watch, c.why = parked{}, watch{}, nil
	if c.played = false; !c.wanted {
		c.idleAt = time.Time{}
	}
	c.letIn()
}

// shut ends everything without a word: Close could not wait any longer.
func (c *chat) shut() {
	c.giveUp(gotgcall.ErrClosed)
	c.drop()
	c.stopLibrary()
	c.entered, c.parked = false, parked{}
	if c.state != Out {
		c.out()
	}
}

// migrated moves to the chat that this one has become.
func (c *chat) migrated(to int64) {
	if c.state == Out || !c.wanted || to == c.id {
		return
	}
	c.remember()
	p := &play{live: c.live, at: c.place}
	if s, err := c.client.GetState(c.id); err == nil {
		p.paused = s.Paused && !c.held
	}
	if c.src != nil {
		p.src = c.src.play.src
		if c.pending == c.src.play {
			p.at, p.done = c.pending.at, c.pending.done
			c.pending = nil
		}
	}
	c.say(Moved{InChat: InChat(c.id), To: to, Plays: p.src != nil, At: c.place})
	c.giveUp(nil)
	if p.src != nil {
		_ = c.calls.open(to, func(next *chat) { next.play(p) }) // unless all is closed
	}
}
