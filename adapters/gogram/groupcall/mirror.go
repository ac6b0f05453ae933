package groupcall

import (
	"context"
	"errors"
	"time"
)

// mirror keeps the flags that Telegram shows the same as those of the library. There
// is another one for each join.
type mirror struct {
	shown   flags // what Telegram has
	refused flags // set for those that it does not let us change in this call
	sending bool
	raised  bool      // the hand was, once
	after   time.Time // no request before
	unmute  time.Time // none that unmutes before, as somebody else muted us
	unmuted time.Time // when we last did
	failed  int
}

// flags are those of a participant.
type flags struct{ muted, videoStopped, videoPaused bool }

const (
	// editEvery is how often flags are changed at most.
	editEvery = time.Second
	// unmuteEvery is how often we unmute ourselves where Telegram, or somebody who
	// may, has muted us.
	unmuteEvery = 30 * time.Second
)

var editDelays = [...]time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second}

func newMirror(o JoinOptions) *mirror {
	return &mirror{shown: flags{muted: o.Muted, videoStopped: o.VideoStopped}}
}

// observe takes in whether Telegram shows us muted. allowed is set when an admin lets
// us speak again, which is answered at once.
func (m *mirror) observe(muted, allowed bool) {
	switch {
	case allowed:
		m.unmute = time.Time{}
	case muted && !m.shown.muted:
		m.unmute = m.unmuted.Add(unmuteEvery)
	}
	m.shown.muted = muted
}

// wantedFlags returns what Telegram should show.
func (c *chat) wantedFlags() (flags, bool) {
	s, err := c.client.GetState(c.id)
	paused := s.Paused && !c.held
	return flags{
		muted:        s.Muted || paused && s.VideoStopped, // a pause of pure sound is not shown otherwise
		videoStopped: s.VideoStopped,
		videoPaused:  paused && !s.VideoStopped,
	}, err == nil
}

// speaks reports whether Telegram shows us as we want to be, as far as muting goes.
func (c *chat) speaks() bool {
	want, ok := c.wantedFlags()
	return ok && c.mirror.shown.muted == want.muted
}

// reflect sends what Telegram does not show yet.
func (c *chat) reflect() {
	m := c.mirror
	if c.state != In && c.state != Muted || c.live || m == nil || m.sending {
		return
	}
	e := c.edit()
	if e == (Edit{}) {
		return
	}
	if !m.after.IsZero() && !c.passed(m.after) {
		return
	}
	m.sending = true
	call := c.call
	c.beside(func() {
		err := c.limited(c.calls.life, methodEdit, func(ctx context.Context, a Account) error {
			return a.Edit(ctx, call, e)
		})
		c.post(func() {
			if c.mirror == m {
				c.edited(e, err)
			}
		})
	})
}

// edit returns what is to be changed.
func (c *chat) edit() Edit {
	m := c.mirror
	want, ok := c.wantedFlags()
	if !ok {
		return Edit{}
	}
	var e Edit
	switch {
	case c.adminMuted():
		if !m.raised {
			e.RaiseHand = set(true)
		}
	case m.refused.muted || want.muted == m.shown.muted:
	case want.muted || m.unmute.IsZero() || c.passed(m.unmute):
		e.Muted = set(want.muted)
	}
	if !m.refused.videoStopped && want.videoStopped != m.shown.videoStopped {
		e.VideoStopped = set(want.videoStopped)
	}
	if !m.refused.videoPaused && want.videoPaused != m.shown.videoPaused {
		e.VideoPaused = set(want.videoPaused)
	}
	return e
}

func set(v bool) *bool { return &v }

// edited takes in how a change went.
func (c *chat) edited(e Edit, err error) {
	m, now := c.mirror, time.Now()
	m.sending = false
	m.after = now.Add(editEvery)
	var flood *Flood
	switch {
	case err == nil, errors.Is(err, ErrNotModified):
		m.failed = 0
		c.showed(e)
	case errors.Is(err, ErrNotAllowed):
		m.refuse(e)
		if e.Muted != nil {
			c.checkSoon(0) // an admin may have muted us
		}
	case errors.As(err, &flood):
		m.after = now.Add(flood.Wait)
	default:
		if errors.Is(err, ErrNotInCall) || errors.Is(err, ErrCallEnded) {
			c.checkSoon(0)
		}
		m.after = now.Add(editDelays[min(m.failed, len(editDelays)-1)])
		m.failed++
		c.log.Info("edit", "err", err)
	}
}

// showed takes in that Telegram has what was sent.
func (c *chat) showed(e Edit) {
	m := c.mirror
	if e.Muted != nil {
		m.shown.muted, m.unmute = *e.Muted, time.Time{}
		if !*e.Muted {
			c.me.Muted, m.unmuted = false, time.Now()
		}
	}
	if e.VideoStopped != nil {
		m.shown.videoStopped = *e.VideoStopped
	}
	if e.VideoPaused != nil {
		m.shown.videoPaused = *e.VideoPaused
	}
	m.raised = m.raised || e.RaiseHand != nil
}

// refuse takes in that Telegram does not let us change these.
func (m *mirror) refuse(e Edit) {
	m.refused.videoStopped = m.refused.videoStopped || e.VideoStopped != nil
	m.refused.videoPaused = m.refused.videoPaused || e.VideoPaused != nil
	m.raised = m.raised || e.RaiseHand != nil
}
