package telegramtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/sfutest"
)

// Call is a group call of a chat.
type Call struct {
	world   *World
	id      int64
	rtmp    bool
	listens chan struct{} // of capacity 1: held while the server admits somebody

	// guarded by world.mu
	chat         *Chat
	scheduled    time.Time
	over         bool
	joinMuted    bool
	version      int
	participants []*Participant // as they joined
	past         []*Participant // those who are gone
	server       *sfutest.Server
}

// Participant is somebody in a call.
type Participant struct {
	User         int64
	SSRC         uint32 // of the sound; 0 for one that [Call.Enter] put in
	Muted        bool
	MutedByAdmin bool // and may not unmute
	VideoStopped bool
	VideoPaused  bool
	RaisedHand   bool
	// Media is what the participant sends. It is nil for one that [Call.Enter] put in,
	// and in a World without media.
	Media *sfutest.Participant

	session *Account
	ssrcs   []uint32
}

// ID returns the call's id.
func (c *Call) ID() int64 { return c.id }

// Chat returns the call's chat.
func (c *Call) Chat() *Chat {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.chat
}

// Over reports whether the call has ended.
func (c *Call) Over() bool {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.over
}

// Participants returns those who are in the call, as they joined.
func (c *Call) Participants() []Participant {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return values(c.participants)
}

// Past returns those who were in the call and are not any longer, as they left. An
// account that joined twice was there twice.
func (c *Call) Past() []Participant {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return values(c.past)
}

func values(list []*Participant) []Participant {
	var all []Participant
	for _, p := range list {
		all = append(all, *p)
	}
	return all
}

// Participant returns what a user is in the call now; ok is false for one who is not in
// it.
func (c *Call) Participant(user groupcall.User) (p Participant, ok bool) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if found := c.find(user.ID); found != nil {
		return *found, true
	}
	return Participant{}, false
}

// Await waits until a user is in the call, and connected to its server, and returns
// them. It fails with ctx's error.
func (c *Call) Await(ctx context.Context, user groupcall.User) (Participant, error) {
	for {
		var p Participant
		err := c.world.Wait(ctx, func() bool {
			var ok bool
			p, ok = c.Participant(user)
			return ok
		})
		if err != nil || p.Media == nil {
			return p, err
		}
		select {
		case <-p.Media.Connected():
			return p, nil
		case <-p.Media.Done(): // replaced, most likely
			err = c.world.Wait(ctx, func() bool {
				now, ok := c.Participant(user)
				return !ok || now.Media != p.Media
			})
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return p, err
		}
	}
}

// Tones waits until n tones of a user have been heard since they joined last, as
// [sfutest.Participant.Tones] does.
func (c *Call) Tones(ctx context.Context, user groupcall.User, n int) ([]sfutest.Tone, error) {
	p, err := c.Await(ctx, user)
	if err != nil {
		return nil, err
	}
	if p.Media == nil {
		return nil, errors.New("the participant sends no media")
	}
	return p.Media.Tones(ctx, n)
}

// Listen answers the SDP offer of a browser that wants to hear the call, as
// [sfutest.Server.Listen] does.
func (c *Call) Listen(ctx context.Context, offer string) (answer string, err error) {
	c.world.mu.Lock()
	server := c.server
	c.world.mu.Unlock()
	if server == nil {
		return "", errors.New("the call has no media")
	}
	return server.Listen(ctx, offer)
}

// Enter puts users into the call, who say nothing.
func (c *Call) Enter(users ...groupcall.User) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, u := range users {
		if !c.over && c.find(u.ID) == nil {
			c.participants = append(c.participants, &Participant{User: u.ID, Muted: true, VideoStopped: true})
			c.changed(u.ID)
		}
	}
}

// EnterElsewhere makes an account join from another device: what it had in the call is
// replaced.
func (c *Call) EnterElsewhere(user groupcall.User) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if c.over {
		return
	}
	c.world.lastID++
	c.put(&Participant{User: user.ID, SSRC: uint32(c.world.lastID), ssrcs: []uint32{uint32(c.world.lastID)}})
}

// Exit makes users leave who were put in by [Call.Enter].
func (c *Call) Exit(users ...groupcall.User) { c.Kick(users...) }

// Kick removes users, as an admin does who does not ban them.
func (c *Call) Kick(users ...groupcall.User) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, u := range users {
		c.drop(u.ID, nil)
	}
}

// Mute mutes a user, as an admin does: they cannot speak until [Call.Unmute].
func (c *Call) Mute(user groupcall.User) { c.setMuted(user, true) }

// Unmute allows a user to speak, who stays muted until they unmute themselves.
func (c *Call) Unmute(user groupcall.User) { c.setMuted(user, false) }

func (c *Call) setMuted(user groupcall.User, muted bool) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if p := c.find(user.ID); p != nil {
		p.Muted, p.MutedByAdmin = true, muted
		if !muted {
			p.RaisedHand = false
		}
		c.version++
		c.tellMe(p, nil, false)
		c.world.change()
	}
}

// SetJoinMuted decides whether those who join must be allowed to speak.
func (c *Call) SetJoinMuted(on bool) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.joinMuted = on
	c.announce()
}

// Discard ends the call for everybody.
func (c *Call) Discard() {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	for _, p := range c.participants {
		if p.Media != nil {
			p.Media.Kick()
		}
	}
	c.past, c.participants = append(c.past, c.participants...), nil
	for user := range c.chat.members {
		w.tell(user, nil, groupcall.CallEnded{Chat: c.chat.id, ID: c.id})
	}
	if c.chat.call == c {
		c.chat.call = nil
	}
	w.change()
}

// What follows expects world.mu to be held.

func (c *Call) find(user int64) *Participant {
	for _, p := range c.participants {
		if p.User == user {
			return p
		}
	}
	return nil
}

// put makes p a participant and replaces an earlier one of the same user.
func (c *Call) put(p *Participant) {
	if old := c.find(p.User); old != nil {
		c.forget(old)
	}
	c.participants = append(c.participants, p)
	c.changed(p.User)
	c.tellMe(p, p.session, false)
}

// drop removes a user, if they are in the call; by is the session that asked for it,
// which has the answer.
func (c *Call) drop(user int64, by *Account) {
	p := c.find(user)
	if p == nil {
		return
	}
	c.forget(p)
	c.changed(user)
	c.tellMe(p, by, true)
}

// forget moves a participant to the past and disconnects it.
func (c *Call) forget(p *Participant) {
	c.participants = slices.DeleteFunc(c.participants, func(q *Participant) bool { return q == p })
	c.past = append(c.past, p)
	if p.Media != nil {
		p.Media.Kick()
	}
}

// tellMe sends the user of p their own entry, except to one session.
func (c *Call) tellMe(p *Participant, except *Account, left bool) {
	me := p.entry()
	me.Left = left
	c.world.tell(p.User, except, groupcall.MeChanged{CallID: c.id, Me: me, Version: c.version})
}

func (p *Participant) entry() groupcall.Participant {
	return groupcall.Participant{SSRC: p.SSRC, Muted: p.Muted, CanSelfUnmute: !p.MutedByAdmin}
}

// changed counts a change of the list of participants and sends it to those in it.
func (c *Call) changed(of int64) {
	c.version++
	for _, p := range c.participants {
		if p.User != of {
			c.world.tell(p.User, nil, groupcall.ParticipantsChanged{CallID: c.id, Version: c.version})
		}
		c.world.tell(p.User, nil, groupcall.CallChanged{Call: c.info(p.User)})
	}
	c.world.change()
}

// announce sends the call to all members of the chat.
func (c *Call) announce() {
	for user := range c.chat.members {
		c.world.tell(user, nil, groupcall.CallChanged{Call: c.info(user)})
	}
}

// info returns the call as a user knows it.
func (c *Call) info(user int64) groupcall.Call {
	return groupcall.Call{
		Chat: c.chat.id, ID: c.id, AccessHash: c.hash(user), RTMP: c.rtmp, Scheduled: c.scheduled,
		JoinMuted: c.joinMuted, Participants: len(c.participants), Version: c.version,
	}
}

// hash is the call's access hash, which differs from account to account.
func (c *Call) hash(user int64) int64 { return c.id*31 + user*7 }

// taken reports whether one of the SSRCs is in use.
func (c *Call) taken(ssrcs []uint32) error {
	for _, p := range c.participants {
		for _, ssrc := range ssrcs {
			if slices.Contains(p.ssrcs, ssrc) {
				return fmt.Errorf("join: SSRC %d: %w", ssrc, groupcall.ErrFresh)
			}
		}
	}
	return nil
}
