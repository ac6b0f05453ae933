package telegramtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Role is what a user is in a chat.
type Role int

// The roles, from least to most.
const (
	Stranger Role = iota // not a member
	Member
	Admin     // without the right to manage calls
	CallAdmin // may manage calls
	Owner     // created the chat
)

// Chat is a group or a channel.
type Chat struct {
	world *World
	title string

	// guarded by world.mu
	id       int64
	basic    bool
	username string
	members  map[int64]Role
	banned   map[int64]bool
	link     string
	approval bool           // who follows the link must be approved
	waiting  map[int64]bool // for approval
	call     *Call          // nil: none
	rtmp     rtmpTarget
	moved    *Chat // it is this one now
}

type rtmpTarget struct{ url, key string }

// NewChat returns a supergroup with members, of which the first created it.
func (w *World) NewChat(title string, members ...groupcall.User) *Chat {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID++
	return w.newChat(title, -1_000_000_000_000-w.lastID, false, members)
}

// NewBasicGroup returns a basic group with members, of which the first created it.
func (w *World) NewBasicGroup(title string, members ...groupcall.User) *Chat {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID++
	return w.newChat(title, -w.lastID, true, members)
}

func (w *World) newChat(title string, id int64, basic bool, members []groupcall.User) *Chat {
	c := &Chat{
		world: w, title: title, id: id, basic: basic,
		members: map[int64]Role{}, banned: map[int64]bool{}, waiting: map[int64]bool{},
		rtmp: rtmpTarget{url: "rtmp://127.0.0.1:1/s/", key: fmt.Sprintf("key%d", -id)},
	}
	for i, u := range members {
		c.members[u.ID] = Member
		if i == 0 {
			c.members[u.ID] = Owner
		}
	}
	c.newLink()
	w.chats[id] = c
	w.change()
	return c
}

// Chat returns a chat by its marked id, or nil.
func (w *World) Chat(id int64) *Chat {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.chats[id]; c != nil && c.moved == nil {
		return c
	}
	return nil
}

// ID returns the marked id.
func (c *Chat) ID() int64 { return c.id }

// Title returns the title.
func (c *Chat) Title() string { return c.title }

// Basic reports whether it is a basic group.
func (c *Chat) Basic() bool { return c.basic }

// Call returns the call, scheduled or live, or nil.
func (c *Chat) Call() *Call {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.call
}

// Role returns what a user is in the chat.
func (c *Chat) Role(user int64) Role {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.members[user]
}

// SetRole changes what a user is; [Stranger] is [Chat.Remove].
func (c *Chat) SetRole(user groupcall.User, r Role) {
	if r == Stranger {
		c.Remove(user)
		return
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	delete(c.banned, user.ID)
	delete(c.waiting, user.ID)
	c.members[user.ID] = r
	c.world.change()
}

// Add makes users members, also those who were banned or wait for approval.
func (c *Chat) Add(users ...groupcall.User) {
	for _, u := range users {
		if c.Role(u.ID) == Stranger {
			c.SetRole(u, Member)
		}
	}
}

// Remove removes a user, who may come back.
func (c *Chat) Remove(user groupcall.User) { c.remove(user, false) }

// Ban removes a user for good.
func (c *Chat) Ban(user groupcall.User) { c.remove(user, true) }

// Unban lets a user back in, who is still a stranger.
func (c *Chat) Unban(user groupcall.User) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	delete(c.banned, user.ID)
	c.world.change()
}

func (c *Chat) remove(user groupcall.User, ban bool) {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(c.members, user.ID)
	if ban {
		c.banned[user.ID] = true
	}
	if c.call != nil {
		c.call.drop(user.ID, nil)
	}
	w.tell(user.ID, nil, groupcall.ChatLost{Chat: c.id})
	w.change()
}

// Members returns the ids of all members.
func (c *Chat) Members() []int64 {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	var all []int64
	for id := range c.members {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// Banned reports whether a user is banned.
func (c *Chat) Banned(user int64) bool {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.banned[user]
}

// SetUsername makes the chat public: everybody may join it by @name.
func (c *Chat) SetUsername(name string) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.username = name
}

// Link returns the invite link.
func (c *Chat) Link() string {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.link
}

// RevokeLink makes another link, and the old one useless.
func (c *Chat) RevokeLink() {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.newLink()
}

func (c *Chat) newLink() {
	c.world.lastID++
	c.link = fmt.Sprintf("https://t.me/+invite%d", c.world.lastID)
}

// RequireApproval decides whether who follows the link waits until an admin adds them.
func (c *Chat) RequireApproval(on bool) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.approval = on
}

// Waiting reports whether a user waits for approval.
func (c *Chat) Waiting(user int64) bool {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.waiting[user]
}

// SetRTMP sets where the chat's live streams are published.
func (c *Chat) SetRTMP(url, key string) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.rtmp = rtmpTarget{url, key}
}

// Migrate makes a basic group a supergroup, which is returned, and to which its members
// and its call move. The old id is then no chat.
func (c *Chat) Migrate() *Chat {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID++
	to := w.newChat(c.title, -1_000_000_000_000-w.lastID, false, nil)
	to.members, to.banned, to.rtmp, to.call = c.members, c.banned, c.rtmp, c.call
	c.members, c.call, c.moved = map[int64]Role{}, nil, to
	if to.call != nil {
		to.call.chat = to
	}
	for user := range to.members {
		w.tell(user, nil, groupcall.ChatMigrated{From: c.id, To: to.id})
	}
	w.change()
	return to
}

// StartCall starts a call, or begins a scheduled one.
func (c *Chat) StartCall() *Call {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.startCall(false, time.Time{})
}

// ScheduleCall announces a call; [Chat.StartCall] begins it.
func (c *Chat) ScheduleCall(at time.Time) *Call {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.startCall(false, at)
}

// StartLiveStream starts a call that is published by RTMP.
func (c *Chat) StartLiveStream() *Call {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.startCall(true, time.Time{})
}

// startCall returns the call, which is new if there was none. w.mu must be held.
func (c *Chat) startCall(rtmp bool, at time.Time) *Call {
	w := c.world
	if c.call == nil {
		w.lastID++
		c.call = &Call{
			world: w, chat: c, id: 7_000_000_000 + w.lastID, rtmp: rtmp,
			version: 1, listens: make(chan struct{}, 1),
		}
		w.calls[c.call.id] = c.call
	}
	c.call.scheduled = at
	c.call.announce()
	w.change()
	return c.call
}
