package chattest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// Chat is a chat that the bot is in.
type Chat struct {
	*telegramtest.Chat
	tg *Telegram
}

// NewChat returns a supergroup of an owner, the bot, which is an admin, and others.
func (m *Telegram) NewChat(title string, others ...groupcall.User) *Chat {
	owner := m.World.NewUser("Owner of " + title)
	return m.enter(m.World.NewChat(title, append([]groupcall.User{owner, m.bot}, others...)...))
}

// NewBasicGroup returns a basic group of an owner, the bot, which is an admin, and others.
func (m *Telegram) NewBasicGroup(title string, others ...groupcall.User) *Chat {
	owner := m.World.NewUser("Owner of " + title)
	return m.enter(m.World.NewBasicGroup(title, append([]groupcall.User{owner, m.bot}, others...)...))
}

func (m *Telegram) enter(c *telegramtest.Chat) *Chat {
	c.SetRole(m.bot, telegramtest.Admin)
	return &Chat{Chat: c, tg: m}
}

// SetRole changes what a user is, and tells the bot.
func (c *Chat) SetRole(user groupcall.User, r telegramtest.Role) {
	c.Chat.SetRole(user, r)
	c.tg.push(telegram.RoleChanged{Chat: c.ID(), User: user.ID})
}

// Remove removes a user, or the bot.
func (c *Chat) Remove(user groupcall.User) {
	c.Chat.Remove(user)
	if user.ID == c.tg.bot.ID {
		c.tg.push(telegram.ChatGone{Chat: c.ID()})
		return
	}
	c.tg.push(telegram.RoleChanged{Chat: c.ID(), User: user.ID})
}

// Migrate makes a basic group a supergroup, which is returned.
func (c *Chat) Migrate() *Chat {
	to := &Chat{Chat: c.Chat.Migrate(), tg: c.tg}
	c.tg.mu.Lock()
	c.tg.moved[c.ID()] = to.ID()
	c.tg.mu.Unlock()
	c.tg.push(telegram.ChatMoved{From: c.ID(), To: to.ID()})
	return to
}

// User is a user in a chat.
type User struct {
	groupcall.User
	chat      *Chat
	anonymous bool
}

// User returns a user by name, whom it makes a member. The same name is the same user in
// every chat.
func (c *Chat) User(name string) *User {
	m := c.tg
	m.mu.Lock()
	u := m.users[name]
	m.mu.Unlock()
	if u == nil {
		made := m.World.NewUser(name)
		m.mu.Lock()
		if u = m.users[name]; u == nil { // nobody was faster
			u = &made
			m.users[name] = u
		}
		m.mu.Unlock()
	}
	c.Add(*u)
	return &User{User: *u, chat: c}
}

// Anonymous returns the admins who write in the name of the group.
func (c *Chat) Anonymous() *User {
	return &User{User: groupcall.User{ID: c.ID(), Name: c.Title()}, chat: c, anonymous: true}
}

// Private returns the user in their private chat with the bot.
func (u *User) Private() *User {
	return &User{User: u.User, chat: &Chat{Chat: nil, tg: u.chat.tg}}
}

// chatID returns where the user writes.
func (u *User) chatID() int64 {
	if u.chat.Chat == nil {
		return u.ID
	}
	return u.chat.ID()
}

// Says sends a message, to the bot too if it is a command.
func (u *User) Says(text string) Message { return u.send(&Message{Message: telegram.Plain(text)}, nil) }

// Sends sends a file.
func (u *User) Sends(f File) Message { return u.SendsWith(f, "") }

// SendsWith sends a file with a caption.
func (u *User) SendsWith(f File, caption string) Message {
	f = f.complete()
	m := u.chat.tg
	m.mu.Lock()
	m.lastQuery++
	f.id = m.lastQuery
	m.mu.Unlock()
	return u.send(&Message{File: &f, Message: telegram.Message{Text: caption}}, nil)
}

// Replies answers a message with a text.
func (u *User) Replies(to Message, text string) Message {
	return u.send(&Message{ReplyTo: to.ID, Message: telegram.Plain(text)}, &to)
}

// send posts a message and hands it to the bot if it is a command.
func (u *User) send(x *Message, to *Message) Message {
	m := u.chat.tg
	x.Chat, x.From = u.chatID(), u.ID
	m.mu.Lock()
	sent := *m.post(x)
	m.mu.Unlock()
	if strings.HasPrefix(sent.Text, "/") {
		m.pushSurely(u.command(sent, to))
	}
	m.World.Changed()
	return sent
}

func (u *User) command(x Message, to *Message) telegram.Command {
	c := telegram.Command{
		Place:   telegram.Place{Chat: x.Chat, ReplyTo: x.ID},
		Private: u.chat.Chat == nil, From: track.User{ID: u.ID, Name: u.Name}, Anonymous: u.anonymous,
		Text: x.Text, Date: x.Sent,
	}
	if x.File == nil && to != nil {
		x = *to
	}
	c.Reply, c.ReplyInfo = x.Media(), x.info()
	return c
}

// Answer is what the bot answered to a press of a button. Read it by
// [Telegram.AwaitAnswer].
type Answer struct {
	Query    int64
	Pressed  time.Time
	Answered bool
	Text     string
	Alert    bool // shown in its own window
}

// Presses presses a button of a message, found by its text or a part of that. There must
// be one. The press carries what the button carries now, or, when the message was
// edited, what it carried when it was returned.
func (u *User) Presses(x Message, button string) Answer {
	for _, row := range x.Buttons {
		for _, b := range row {
			if strings.Contains(b.Text, button) {
				return u.press(x, b)
			}
		}
	}
	u.chat.tg.World.Violate("%s finds no button %q under %q", u.Name, button, x.Text)
	return Answer{}
}

func (u *User) press(x Message, b telegram.Button) Answer {
	m := u.chat.tg
	m.mu.Lock()
	m.lastQuery++
	a := &Answer{Query: m.lastQuery, Pressed: time.Now()}
	m.presses[a.Query] = a
	pressed := *a
	m.mu.Unlock()
	m.pushSurely(telegram.Press{
		Query: a.Query, Chat: x.Chat, Message: x.ID,
		From: track.User{ID: u.ID, Name: u.Name}, Data: b.Data,
	})
	time.AfterFunc(answerTime, func() {
		m.mu.Lock()
		answered := a.Answered
		m.mu.Unlock()
		if !answered {
			m.World.Violate("the press of %q by %s was not answered in %v", b.Text, u.Name, answerTime)
		}
	})
	return pressed
}

// AwaitAnswer waits for the bot's answer to a press.
func (m *Telegram) AwaitAnswer(ctx context.Context, a Answer) (Answer, error) {
	err := m.World.Wait(ctx, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if p := m.presses[a.Query]; p != nil {
			a = *p
		}
		return a.Answered
	})
	if err != nil {
		return a, fmt.Errorf("no answer to the press: %w", err)
	}
	return a, nil
}

// WaitFor waits until done reports true; it is called after each change.
func (c *Chat) WaitFor(ctx context.Context, done func() bool) error {
	return c.tg.World.Wait(ctx, done)
}

// AwaitMessage waits for a message of the bot that contained all the words at some time,
// whatever their case, and returns what it is now.
func (c *Chat) AwaitMessage(ctx context.Context, words ...string) (Message, error) {
	var found Message
	err := c.WaitFor(ctx, func() bool {
		said := c.Said()
		i := slices.IndexFunc(said, func(x Message) bool { return x.contained(words) })
		if i >= 0 {
			found = said[i]
		}
		return i >= 0
	})
	if err != nil {
		return found, fmt.Errorf("no message with %q, but %s: %w", words, c.Transcript(), err)
	}
	return found, nil
}

// contained reports whether the message contains all the words, or did before an edit.
func (x Message) contained(words []string) bool {
	return containsAll(x.Text, words) || slices.ContainsFunc(x.Past, func(p telegram.Message) bool {
		return containsAll(p.Text, words)
	})
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
			return false
		}
	}
	return true
}

// Transcript returns all that the bot has written, for a test that fails.
func (c *Chat) Transcript() string {
	var b strings.Builder
	for _, x := range c.Said() {
		fmt.Fprintf(&b, "\n  %d (deleted: %v):", x.ID, x.Deleted)
		for _, p := range append(x.Past, x.Message) {
			fmt.Fprintf(&b, "\n    %q", p.Text)
		}
	}
	return b.String()
}
