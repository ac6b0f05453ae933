package groupcall

import (
	"context"
	"errors"
	"time"

	"github.com/gotgcall/gotgcall"
)

// play is a [Calls.Play] that has not returned.
type play struct {
	src    gotgcall.Source
	at     time.Duration
	paused bool
	live   bool
	done   chan error // gets one value; nil for a play that nobody waits for
}

// source is what a call plays, or is to play when there is one.
type source struct {
	play   *play
	lib    int                // the library's call that it was opened in; 0: none
	cancel context.CancelFunc // ends the opening; nil while there is none
	set    bool               // the library has it
}

// firstSource is how long an account stays where nothing has been played yet.
const firstSource = 10 * time.Second

// play takes a source. It replaces what plays, and what was to play.
func (c *chat) play(p *play) {
	switch {
	case c.calls.retired() != nil:
		c.finish(p, c.calls.retired())
		return
	case c.state != Out && c.state != Leaving && c.live != p.live:
		c.finish(p, gotgcall.ErrWrongMode)
		return
	}
	if c.pending != nil {
		c.finish(c.pending, gotgcall.ErrSourceReplaced)
	}
	c.dropSource()
	c.pending, c.src = p, &source{play: p}
	c.wanted, c.live, c.idleAt = true, p.live, time.Time{}
	if c.state == Parked && !c.parked.flood() {
		c.due = time.Time{}
	}
}

// finish ends a Play once the step is made, so that its caller sees the state after it.
func (c *chat) finish(p *play, err error) {
	if p.done != nil {
		c.answers = append(c.answers, func() { p.done <- err })
	}
}

// withdraw takes a source back that does not play yet, and the account out if that is
// what it has come for.
func (c *chat) withdraw(p *play, why error) {
	switch {
	case c.pending != p:
	case !c.entered:
		c.giveUp(why)
	default:
		c.reply(why)
		c.dropSource()
		c.leaveUnplayed()
	}
}

// leaveUnplayed has the account leave soon, if it has come for a source that does not
// play and no other one follows.
func (c *chat) leaveUnplayed() {
	if !c.played {
		c.idleAt = time.Now().Add(firstSource)
	}
}

// expire gives up what has waited for too long.
func (c *chat) expire() {
	if c.wanted && c.src == nil && c.passed(c.idleAt) {
		c.giveUp(ErrNothingPlays)
	}
}

// dropSource forgets the source. One that is being opened is not played.
func (c *chat) dropSource() {
	if c.src != nil && c.src.cancel != nil {
		c.src.cancel()
	}
	c.src = nil
}

// openSource opens the source in the library's call, once for each call. A call that
// was restored has its source already.
func (c *chat) openSource() {
	s := c.src
	if s == nil || s.set || s.cancel != nil || c.lib == 0 || s.lib == c.lib {
		return
	}
	s.lib = c.lib
	ctx, cancel := context.WithCancel(c.calls.life)
	s.cancel = cancel
	c.beside(func() {
		err := c.setSource(ctx, s.play)
		cancel()
		c.post(func() { c.opened(s, err) })
	})
}

// reopenSource has the source opened in a new call, where nothing is held yet.
func (c *chat) reopenSource() {
	c.held = false
	if c.src != nil && c.src.set {
		c.src = &source{play: c.src.play}
	}
}

// setSource blocks until the source has its first frame.
func (c *chat) setSource(ctx context.Context, p *play) error {
	if p.at <= 0 && !p.paused {
		return c.client.SetStreamSourcesContext(ctx, c.id, p.src)
	}
	// Paused, so that nothing is heard of the beginning.
	paused, err := c.client.Pause(c.id)
	if err != nil {
		return err
	}
	if err = c.client.SetStreamSourcesContext(ctx, c.id, p.src); err == nil && p.at > 0 {
		err = c.client.SeekToContext(ctx, c.id, p.at)
	}
	if errors.Is(err, gotgcall.ErrSeekUnsupported) {
		err = nil
	}
	if paused && !p.paused {
		_, failed := c.client.Resume(c.id)
		err = errors.Join(err, failed)
	}
	return err
}

// opened takes in whether the source plays.
func (c *chat) opened(s *source, err error) {
	s.cancel = nil
	if c.src != s {
		return
	}
	switch {
	case err == nil && s.lib == c.lib:
		s.set, c.idleAt = true, time.Time{}
	case s.lib != c.lib, lostCall(err):
		// The next call of the library opens it again.
	default:
		c.src = nil
		if c.pending == s.play {
			c.pending = nil
			c.finish(s.play, err)
		} else {
			c.say(TrackEnded{InChat(c.id), err})
		}
		c.leaveUnplayed()
	}
}

// lostCall reports whether a source could not be opened because its call ended.
func lostCall(err error) bool {
	for _, end := range []error{
		gotgcall.ErrConnectionNotFound, gotgcall.ErrStopped, gotgcall.ErrConnectionFailed, gotgcall.ErrConnectionTimeout,
	} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// trackEnded takes in the end of what played.
func (c *chat) trackEnded(err error) {
	if c.src != nil && c.src.set {
		c.src = nil
	}
	c.say(TrackEnded{InChat(c.id), err})
}

// settle answers a Play that plays, or does so when the connection is back.
func (c *chat) settle() {
	if c.src == nil || !c.src.set {
		return
	}
	switch c.state {
	case In, Muted, Recovering:
		c.played = true
		if c.pending == c.src.play {
			c.reply(nil)
		}
	}
}

// reply answers the Play that waits; nil is success.
func (c *chat) reply(err error) {
	if c.pending != nil {
		c.finish(c.pending, err)
		c.pending = nil
	}
}
