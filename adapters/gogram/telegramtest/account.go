package telegramtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Account is a session of a user account. It implements [groupcall.Account].
type Account struct {
	world *World
	user  groupcall.User
	feed  *Feed[groupcall.Event]
	ctx   context.Context // ends when the session is dead
	kill  context.CancelFunc
}

var _ groupcall.Account = (*Account)(nil)

// Account returns another session of a user's account. It gets the updates of what
// others do, and what other sessions of the account do.
func (w *World) Account(user groupcall.User) *Account {
	a := &Account{world: w, user: user, feed: NewFeed[groupcall.Event](w)}
	a.ctx, a.kill = context.WithCancel(w.ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[user.ID] = append(w.sessions[user.ID], a)
	return a
}

// tell sends an event to the sessions of a user, except one. w.mu must be held.
func (w *World) tell(user int64, except *Account, e groupcall.Event) {
	for _, a := range w.sessions[user] {
		if a != except {
			a.feed.push(e)
		}
	}
}

// Kill ends the session, as its owner can from another device: every request and Events
// fail with [groupcall.ErrAccountDead].
func (a *Account) Kill() { a.kill() }

// Push sends the session an event, whatever is true.
func (a *Account) Push(e groupcall.Event) { a.feed.Push(e) }

// Self returns the account's user.
func (a *Account) Self() groupcall.User { return a.user }

// Events implements [groupcall.Account].
func (a *Account) Events(ctx context.Context, f func(groupcall.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	err := a.feed.Listen(ctx, f)
	if a.ctx.Err() != nil {
		return groupcall.ErrAccountDead
	}
	return err
}

// ask sends a request that is executed under the World's lock.
func (a *Account) ask(ctx context.Context, method string, chat int64, args any, execute func() error) error {
	r := Request{By: a.user.ID, Method: method, Chat: chat, Args: args}
	return a.world.Do(ctx, r, func() error {
		if err := a.alive(); err != nil {
			return err
		}
		a.world.mu.Lock()
		defer a.world.mu.Unlock()
		return execute()
	})
}

func (a *Account) alive() error {
	if a.ctx.Err() != nil {
		return groupcall.ErrAccountDead
	}
	return nil
}

// Call implements [groupcall.Account].
func (a *Account) Call(ctx context.Context, chat int64) (groupcall.Call, error) {
	var found groupcall.Call
	err := a.ask(ctx, "Call", chat, nil, func() error {
		c, err := a.chat(chat)
		if err != nil {
			return err
		}
		if c.call == nil {
			return groupcall.ErrNoCall
		}
		found = c.call.info(a.user.ID)
		return nil
	})
	if err != nil {
		return groupcall.Call{}, fmt.Errorf("find call: %w", err)
	}
	return found, nil
}

// chat returns a chat that the account is in.
func (a *Account) chat(id int64) (*Chat, error) {
	c := a.world.chats[id]
	switch {
	case c == nil:
		return nil, groupcall.ErrNotInChat
	case c.banned[a.user.ID]:
		return nil, groupcall.ErrBanned
	case c.members[a.user.ID] == Stranger:
		return nil, groupcall.ErrNotInChat
	}
	return c, nil
}

// StartCall implements [groupcall.Account]. In a chat with a call it returns that.
func (a *Account) StartCall(
	ctx context.Context, chat int64, o groupcall.StartOptions,
) (groupcall.Call, error) {
	var started groupcall.Call
	err := a.ask(ctx, "StartCall", chat, o, func() error {
		c, err := a.chat(chat)
		if err != nil {
			return err
		}
		if c.members[a.user.ID] < CallAdmin {
			return groupcall.ErrNotAllowed
		}
		if c.call == nil {
			c.startCall(o.RTMP, time.Time{})
		}
		started = c.call.info(a.user.ID)
		return nil
	})
	if err != nil {
		return groupcall.Call{}, fmt.Errorf("start call: %w", err)
	}
	return started, nil
}

// Leave implements [groupcall.Account].
func (a *Account) Leave(ctx context.Context, c groupcall.Call, ssrc uint32) error {
	return a.ask(ctx, "Leave", c.Chat, ssrc, func() error {
		call, p, err := a.entry(c)
		if err != nil {
			return err
		}
		if p.SSRC != ssrc {
			return groupcall.ErrNotInCall
		}
		call.drop(a.user.ID, a)
		return nil
	})
}

// call returns a call that goes on.
func (a *Account) call(c groupcall.Call) (*Call, error) {
	call := a.world.calls[c.ID]
	if call == nil || call.over || c.AccessHash != call.hash(a.user.ID) {
		return nil, groupcall.ErrCallEnded
	}
	if _, err := a.chat(call.chat.id); err != nil {
		return nil, err
	}
	return call, nil
}

// entry returns what the account is in a call.
func (a *Account) entry(c groupcall.Call) (*Call, *Participant, error) {
	call, err := a.call(c)
	if err != nil {
		return nil, nil, err
	}
	p := call.find(a.user.ID)
	if p == nil {
		return nil, nil, groupcall.ErrNotInCall
	}
	return call, p, nil
}

// Edit implements [groupcall.Account].
func (a *Account) Edit(ctx context.Context, c groupcall.Call, e groupcall.Edit) error {
	return a.ask(ctx, "Edit", c.Chat, e, func() error {
		call, p, err := a.entry(c)
		if err != nil {
			return err
		}
		if e.Muted != nil && !*e.Muted && p.MutedByAdmin {
			return groupcall.ErrNotAllowed
		}
		changed := set(&p.Muted, e.Muted)
		changed = set(&p.VideoStopped, e.VideoStopped) || changed
		changed = set(&p.VideoPaused, e.VideoPaused) || changed
		changed = set(&p.RaisedHand, e.RaiseHand) || changed
		if !changed {
			return groupcall.ErrNotModified
		}
		call.version++
		call.tellMe(p, a, false)
		for _, other := range call.participants {
			if other != p {
				a.world.tell(other.User, nil, groupcall.ParticipantsChanged{CallID: call.id, Version: call.version})
			}
		}
		a.world.change()
		return nil
	})
}

// set gives flag a value, unless that is nil, and reports whether it changed.
func set(flag, value *bool) bool {
	if value == nil || *flag == *value {
		return false
	}
	*flag = *value
	return true
}

// Me implements [groupcall.Account].
func (a *Account) Me(ctx context.Context, c groupcall.Call) (groupcall.Participant, error) {
	var me groupcall.Participant
	err := a.ask(ctx, "Me", c.Chat, nil, func() error {
		_, p, err := a.entry(c)
		if err == nil {
			me = p.entry()
		}
		return err
	})
	if err != nil {
		return groupcall.Participant{}, err
	}
	return me, nil
}

// RTMP implements [groupcall.Account].
func (a *Account) RTMP(ctx context.Context, chat int64, renew bool) (url, key string, err error) {
	var target rtmpTarget
	err = a.ask(ctx, "RTMP", chat, renew, func() error {
		c, err := a.chat(chat)
		if err != nil {
			return err
		}
		if c.members[a.user.ID] < CallAdmin {
			return groupcall.ErrNotAllowed
		}
		if renew {
			c.rtmp.key += "x"
		}
		target = c.rtmp
		return nil
	})
	if err != nil {
		return "", "", err
	}
	return target.url, target.key, nil
}

// JoinChat implements [groupcall.Account].
func (a *Account) JoinChat(ctx context.Context, invite string) error {
	return a.ask(ctx, "JoinChat", 0, invite, func() error {
		c, public := a.invited(invite)
		switch {
		case c == nil:
			return groupcall.ErrInvite
		case c.members[a.user.ID] != Stranger:
			return nil
		case c.banned[a.user.ID]:
			return groupcall.ErrBanned
		case c.approval && !public:
			c.waiting[a.user.ID] = true
			a.world.change()
			return groupcall.ErrJoinRequested
		}
		c.members[a.user.ID] = Member
		a.world.change()
		return nil
	})
}

// invited returns the chat to which a link or an @name leads.
func (a *Account) invited(invite string) (c *Chat, public bool) {
	for _, c := range a.world.chats {
		name := strings.TrimPrefix(invite, "@")
		if c.moved == nil && c.username != "" && (name == c.username || invite == "https://t.me/"+c.username) {
			return c, true
		}
		if c.moved == nil && invite == c.link {
			return c, false
		}
	}
	return nil, false
}
