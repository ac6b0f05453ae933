package groupcall

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// resolve finds the chat's call.
func (c *chat) resolve() {
	if !c.wanted {
		c.out()
		return
	}
	if !c.ready() {
		return
	}
	ask(c, c.find, c.found)
}

func (c *chat) find(ctx context.Context) (call Call, err error) {
	err = c.limited(ctx, methodCall, func(ctx context.Context, a Account) error {
		call, err = a.Call(ctx, c.id)
		return err
	})
	return call, err
}

// found takes in the call.
func (c *chat) found(call Call, err error) {
	switch {
	case errors.Is(err, ErrNoCall) && c.mayStart():
		c.start()
	case err != nil:
		c.trouble(err)
	case !call.Scheduled.IsZero():
		c.park(&ScheduledError{Begin: call.Scheduled}, call.Scheduled.Add(c.calls.cfg.patience))
	case call.RTMP && !c.live:
		c.giveUp(ErrLiveStream)
	case !call.RTMP && c.live:
		c.giveUp(ErrNotLiveStream)
	case c.live:
		c.call = call
		c.publishTo()
	default:
		c.adopt(call)
		c.due = time.Time{}
		c.move(Joining, Resolving)
	}
}

// adopt makes a call the one that is joined.
func (c *chat) adopt(call Call) {
	if call.ID != c.call.ID {
		c.version = 0
	}
	c.call = call
}

func (c *chat) mayStart() bool { return !c.try.started && (c.live || c.calls.cfg.start != nil) }

// start starts a call.
func (c *chat) start() {
	c.try.started = true
	o := StartOptions{}
	if c.calls.cfg.start != nil {
		o = *c.calls.cfg.start
	}
	o.RTMP = c.live
	ask(c, func(ctx context.Context) (call Call, err error) {
		err = c.limited(ctx, methodStart, func(ctx context.Context, a Account) error {
			call, err = a.StartCall(ctx, c.id, o)
			return err
		})
		return call, err
	}, func(call Call, err error) {
		if errors.Is(err, ErrNotAllowed) && !c.live {
			err = ErrNoCall // somebody else can start it
		}
		c.found(call, err)
	})
}

// trouble takes in an error of a request on the way in, and turns to what may help.
func (c *chat) trouble(err error) {
	do := remedyFor(err)
	c.log.Info("a request failed", "state", c.state.String(), "err", err)
	now := time.Now()
	var flood *Flood
	switch do {
	case obey:
		errors.As(err, &flood)
		c.obey(flood)
	case await:
		c.park(err, now.Add(c.calls.cfg.patience))
	case find:
		c.findAgain(err)
	case beInvited:
		c.beInvited(err)
	case retire:
		c.calls.retire(err)
		c.giveUp(err)
	case verify:
		c.verifyLater()
	case again:
		c.tryAgain(err)
	case fresh:
		c.tryFresh(err)
	case once:
		if c.try.once++; c.try.once > 1 {
			c.giveUp(err)
		}
	default:
		c.giveUp(err)
	}
}

// obey waits for as long as Telegram demands: silently while that is short.
func (c *chat) obey(flood *Flood) {
	c.try.flooded += flood.Wait
	until := time.Now().Add(flood.Wait)
	if c.try.flooded <= silentWait {
		c.due = until
		return
	}
	c.try.flooded = 0
	c.park(flood, until)
}

// findAgain looks for the call once more, as it is not what it was.
func (c *chat) findAgain(err error) {
	if c.try.find++; c.try.find > 1 || c.state != Joining {
		c.park(ErrCallEnded, time.Now().Add(c.calls.cfg.patience))
		return
	}
	c.log.Info("looking for the call again", "err", err)
	c.renew()
	c.due = time.Time{}
	c.move(Resolving, Joining)
}

// tryAgain sends the same request after 1, 2 and 4 s, and then one with fresh params.
func (c *chat) tryAgain(err error) {
	switch n := c.try.again; {
	case c.back.active:
		c.tryLater(err)
	case n < 3:
		c.try.again++
		c.due = time.Now().Add(time.Second << n)
	case c.state == Joining && !c.try.renewed:
		c.try.renewed = true
		c.renew()
	default:
		c.giveUp(err)
	}
}

// tryFresh joins with fresh params, at once and after 1 and 2 s.
func (c *chat) tryFresh(err error) {
	n := c.try.fresh
	if c.try.fresh++; n > 2 || c.state != Joining {
		c.giveUp(err)
		return
	}
	c.due = time.Now().Add(time.Duration(n) * time.Second)
	c.renew()
}

// verifyLater begins again after an answer that did not come: a join may have been
// executed.
func (c *chat) verifyLater() {
	c.try.again++
	switch {
	case c.try.again == 1: // the answer alone may be lost: to verify is no repetition
	case c.back.active && time.Since(c.back.began) < c.calls.cfg.patience:
		c.due = time.Now().Add(comebackDelays[len(comebackDelays)-1]) // nothing reaches Telegram, so no flood
	case c.try.again > 3:
		c.giveUp(ErrNoAnswer)
		return
	}
	c.try.verify = c.state == Joining
}

// beInvited makes the account a member of the chat, once.
func (c *chat) beInvited(why error) {
	invite := c.calls.cfg.invite
	if c.try.invited || invite == nil {
		c.giveUp(why)
		return
	}
	c.try.invited = true
	ask(c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.joinChat(ctx, invite)
	}, func(_ struct{}, err error) {
		var flood *Flood
		switch {
		case errors.As(err, &flood):
			c.try.invited = false
			c.obey(flood)
		case remedyFor(err) == retire:
			c.calls.retire(err)
			c.giveUp(err)
		case err != nil:
			c.giveUp(fmt.Errorf("%w: %w", why, err))
		case c.state == Joining:
			c.renew()
			c.move(Resolving, Joining)
		}
	})
}

// joinChat follows the invitation. A link that fails is replaced once; a request to
// join is approved by inviting again.
func (c *chat) joinChat(ctx context.Context, invite func(context.Context, int64, int64) (string, error)) error {
	for attempt := 0; ; attempt++ {
		link, err := c.invitation(ctx, invite)
		if err != nil || link == "" {
			return err
		}
		err = c.limited(ctx, methodJoinChat, func(ctx context.Context, a Account) error {
			return a.JoinChat(ctx, link)
		})
		if attempt > 0 || !errors.Is(err, ErrInvite) && !errors.Is(err, ErrJoinRequested) {
			return err
		}
	}
}

func (c *chat) invitation(ctx context.Context, invite func(context.Context, int64, int64) (string, error)) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.calls.cfg.request)
	defer cancel()
	return invite(ctx, c.id, c.calls.account.Self().ID)
}
