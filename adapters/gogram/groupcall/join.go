package groupcall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall"
)

// join asks Telegram to be let in, with params of a new call of the library or of one
// that was connected before.
func (c *chat) join() {
	switch {
	case !c.wanted:
		c.leaveCall()
	case !c.ready():
	case c.try.verify:
		c.verify()
	case c.params != "":
		c.sendJoin()
	case c.lib != 0 || c.kept:
		ask(c, c.rejoinParams, c.tookParams)
	default:
		c.create()
	}
}

// create makes the library's call, to which the source is given at once.
func (c *chat) create() {
	params, err := c.client.CreateCall(c.id)
	if errors.Is(err, gotgcall.ErrConnectionExists) { // the program's own
		_ = c.client.Stop(c.id) // it may have ended
		params, err = c.client.CreateCall(c.id)
	}
	if err != nil {
		c.giveUp(err)
		return
	}
	c.freshLibraryCall()
	c.reopenSource()
	c.tookParams(params, nil)
	c.sendJoin()
}

func (c *chat) newLibraryCall() {
	c.libs++
	c.lib, c.link, c.silentSince = c.libs, gotgcall.Connecting, time.Time{}
}

// freshLibraryCall is newLibraryCall for a call that has not had a source yet.
func (c *chat) freshLibraryCall() {
	c.newLibraryCall()
	if sound := c.calls.cfg.sound(c.id); sound != (gotgcall.Sound{}) {
		if err := c.client.SetSound(c.id, sound); err != nil { // without a source it does not block
			c.log.Warn("the sound is not as wanted", "err", err)
		}
	}
}

// rejoinParams returns other params for the library's call. It blocks while a lost one
// opens its source again.
func (c *chat) rejoinParams(ctx context.Context) (string, error) {
	return c.client.RejoinContext(ctx, c.id)
}

// tookParams takes in the params of the next join.
func (c *chat) tookParams(params string, err error) {
	switch {
	case err == nil:
		if c.lib == 0 { // restored, with its source
			c.newLibraryCall()
			if c.src != nil && c.src.set {
				c.src.lib = c.lib
			}
		}
		c.params = params
		if stats, err := c.client.Stats(c.id); err == nil {
			c.setSSRC(stats.Audio.SSRC)
		}
	case errors.Is(err, gotgcall.ErrConnectionNotFound):
		c.startOver()
	case errors.Is(err, gotgcall.ErrClosed):
		c.giveUp(err)
	case errors.Is(err, gotgcall.ErrConnectionExists): // a restore that we turned away from ends
		c.tryFresh(err)
	default:
		// The source cannot be opened again. The call goes on without it.
		_ = c.client.Stop(c.id) // it has ended
		c.startOver()
		c.dropSource()
		c.say(TrackEnded{InChat(c.id), err})
	}
}

// startOver begins with another call of the library, as there is none to go on with.
// The source is opened again where it was last seen.
func (c *chat) startOver() {
	c.lib, c.kept, c.params = 0, false, ""
	if s := c.src; s != nil && s.set {
		p := *s.play
		p.at = c.place
		c.src = &source{play: &p}
	}
}

// renew has the next join use other params.
func (c *chat) renew() { c.params = "" }

// sendJoin sends the join.
func (c *chat) sendJoin() {
	o := JoinOptions{VideoStopped: true}
	if s, err := c.client.GetState(c.id); err == nil {
		o.VideoStopped = s.VideoStopped
	}
	call, params, ssrc := c.call, c.params, c.ssrc
	answered := make(chan struct{})
	c.sent, c.joining = true, answered
	ask(c, func(ctx context.Context) (Joined, error) {
		defer close(answered)
		joined, err := c.askJoin(ctx, call, params, o)
		if err == nil && ctx.Err() != nil { // the chat has turned to something else
			_ = c.askLeave(c.calls.life, call, ssrc) // Telegram drops who is silent
		}
		return joined, err
	}, func(joined Joined, err error) { c.joined(joined, o, err) })
}

// askJoin sends a join. Once it is sent it is waited for in any case, as Telegram
// executes it in any case.
func (c *chat) askJoin(ctx context.Context, call Call, params string, o JoinOptions) (joined Joined, err error) {
	err = c.limited(ctx, methodJoin, func(sent context.Context, a Account) error {
		deadline, _ := sent.Deadline()
		waiting, cancel := context.WithDeadline(c.calls.life, deadline)
		defer cancel()
		joined, err = a.Join(waiting, call, params, o)
		return err
	})
	return joined, err
}

// joined takes in Telegram's answer.
func (c *chat) joined(j Joined, o JoinOptions, err error) {
	if err != nil {
		c.trouble(err)
		return
	}
	if j.Call.ID == c.call.ID {
		c.call = j.Call
	}
	if c.call.RTMP {
		c.giveUp(ErrLiveStream)
		return
	}
	c.params, c.answer, c.version = "", j.Answer, j.Call.Version
	c.me = Participant{SSRC: j.Me.SSRC, CanSelfUnmute: true}
	c.mirror = newMirror(o)
	c.takeMe(j.Me)
	c.due = time.Time{}
	c.move(Connecting, Joining)
}

// verify asks whether a join was executed whose answer did not come.
func (c *chat) verify() {
	ask(c, c.askMe, func(me Participant, err error) {
		switch {
		case err == nil && me.SSRC == c.ssrc:
			c.try.verify = false
			c.renew() // the answer is lost, and the SSRC in use
			c.dismiss()
		case err == nil, errors.Is(err, ErrNotInCall):
			c.try.verify = false
		default:
			c.trouble(err)
		}
	})
}

// dismiss ends the participation that was never connected, and goes on in any case.
func (c *chat) dismiss() {
	call, ssrc := c.call, c.ssrc
	ask(c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.askLeave(ctx, call, ssrc)
	}, func(_ struct{}, err error) {
		if err != nil {
			c.log.Debug("leave", "err", err) // the next join replaces it
		}
	})
}

// connect waits for the connection, and for a source that replaces one which would be
// heard until then.
func (c *chat) connect() {
	switch {
	case !c.wanted:
		c.leaveCall()
	case c.live:
		if c.lib != 0 && c.link == gotgcall.Connected {
			c.enter()
		}
	case c.kept && c.src != nil && c.src.cancel != nil:
	case c.ready():
		answer := c.answer
		ask(c, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, c.client.ConnectContext(ctx, c.id, answer)
		}, func(_ struct{}, err error) { c.connected(err) })
	}
}

// connected takes in how that went.
func (c *chat) connected(err error) {
	if err == nil || errors.Is(err, gotgcall.ErrConnectionExists) {
		c.enter()
		return
	}
	if _, gone := c.client.Stats(c.id); gone != nil {
		c.lib = 0
	}
	c.log.Info("no connection", "err", err)
	switch {
	case errors.Is(err, gotgcall.ErrUnsupportedCallMode):
		c.giveUp(fmt.Errorf("%w: %w", ErrLiveStream, err))
	case errors.Is(err, gotgcall.ErrInvalidParams):
		if c.try.once++; c.try.once > 1 {
			c.giveUp(fmt.Errorf("%w: %w", ErrRefused, err))
			return
		}
		c.move(Joining, Connecting)
		c.dismiss()
	case errors.Is(err, gotgcall.ErrConnectionTimeout), errors.Is(err, gotgcall.ErrConnectionFailed):
		c.move(Joining, Connecting)
		c.tryLater(err)
		if c.wanted {
			c.dismiss()
		}
	default: // stopped, or not to be expected
		c.giveUp(err)
	}
}

// tryLater joins again after 1, 3 and 9 s; for a call that was lost, as often as
// [comeback] allows.
func (c *chat) tryLater(err error) {
	delay, ok := c.back.delay()
	if !c.back.active {
		delay, ok = comebackDelays[min(c.try.connect, len(comebackDelays)-1)], c.try.connect < 3
		c.try.connect++
	} else {
		c.back.tried()
	}
	if !ok {
		c.giveUp(err)
		return
	}
	c.due = time.Now().Add(jitter(delay))
	c.renew()
}

// enter takes in that the account is in the call, and heard.
func (c *chat) enter() {
	c.move(In, Connecting)
	c.try, c.parked, c.due = attempts{}, parked{}, time.Time{}
	c.link, c.silentSince, c.kept = gotgcall.Connected, time.Time{}, !c.live
	c.back.active, c.back.gone, c.back.told = false, time.Time{}, false
	c.watch = watch{checkAt: time.Now().Add(jitter(checkEvery)), countAt: time.Now().Add(time.Second)}
	if c.me.SSRC == 0 && !c.live { // the answer did not say whether we may speak
		c.me.SSRC = c.ssrc
		c.checkSoon(time.Second)
	}
	if c.entered {
		c.say(Restored{InChat(c.id)})
	} else {
		c.say(Entered{InChat(c.id)})
	}
	c.entered = true
}
