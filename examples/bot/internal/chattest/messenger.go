package chattest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// The limits of Telegram for a group, which count messages and edits, and for all chats
// of a bot.
const (
	perMinute = 20
	perSecond = 30
)

// A press must be answered within answerTime; Telegram forgets it after queryTime.
const (
	answerTime = 10 * time.Second
	queryTime  = 30 * time.Second
)

// Telegram is the chats of one bot. Its session, [Telegram.Session], implements
// [telegram.Messenger].
type Telegram struct {
	World *telegramtest.World
	bot   groupcall.User

	downloading chan struct{} // of capacity 1: held by the download that is under way

	mu        sync.Mutex // guards what follows; never held while waiting or calling out
	lastID    int        // of messages
	messages  []*Message
	presses   map[int64]*Answer // by query
	lastQuery int64
	users     map[string]*groupcall.User // by name
	files     map[int64]*File            // by id of the document
	downloads []Download
	menu      []telegram.MenuEntry
	sessions  []*Session
	moved     map[int64]int64 // chats that have become others
}

// Session is a connection of the bot. A bot that starts again has another one.
type Session struct {
	*Telegram
	feed *telegramtest.Feed[telegram.Update]
}

var _ telegram.Messenger = (*Session)(nil)

// New returns the chats of a bot, or of a user account that talks for itself.
func New(world *telegramtest.World, bot groupcall.User) *Telegram {
	return &Telegram{
		World: world, bot: bot, downloading: make(chan struct{}, 1),
		presses: map[int64]*Answer{}, users: map[string]*groupcall.User{}, files: map[int64]*File{},
		moved: map[int64]int64{},
	}
}

// Session returns a connection of the bot. Updates go to the newest one.
func (m *Telegram) Session() *Session {
	s := &Session{Telegram: m, feed: telegramtest.NewFeed[telegram.Update](m.World)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = append(m.sessions, s)
	return s
}

// newest returns the session that gets updates, or nil.
func (m *Telegram) newest() *Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sessions) == 0 {
		return nil
	}
	return m.sessions[len(m.sessions)-1]
}

// push sends the bot an update that may be lost.
func (m *Telegram) push(u telegram.Update) {
	if s := m.newest(); s != nil {
		s.feed.Push(u)
	}
}

// pushSurely sends the bot a message or a press.
func (m *Telegram) pushSurely(u telegram.Update) {
	if s := m.newest(); s != nil {
		s.feed.PushSurely(u)
	}
}

// Listen implements [telegram.Messenger].
func (s *Session) Listen(ctx context.Context, f func(telegram.Update)) error {
	return s.feed.Listen(ctx, f)
}

// Self implements [telegram.Messenger].
func (m *Telegram) Self() (id int64, username string) { return m.bot.ID, m.bot.Username }

// do sends a request of the bot.
func (m *Telegram) do(ctx context.Context, method string, chat int64, args any, execute func() error) error {
	return m.World.Do(ctx, m.request(method, chat, args), func() error {
		defer m.World.Changed()
		return execute()
	})
}

func (m *Telegram) request(method string, chat int64, args any) telegramtest.Request {
	return telegramtest.Request{By: m.bot.ID, Method: method, Chat: chat, Args: args, PerChat: true}
}

// spend counts a message or an edit.
func (m *Telegram) spend(chat int64) error {
	err := m.World.Spend("messages of the bot", perSecond, time.Second)
	if err == nil && chat < 0 {
		err = m.World.Spend(fmt.Sprintf("messages and edits in %d", chat), perMinute, time.Minute)
	}
	return err
}

// Send implements [telegram.Messenger]. The request is called "Send".
func (m *Telegram) Send(ctx context.Context, to telegram.Place, msg telegram.Message) (int, error) {
	var id int // not to be read before the answer
	err := m.do(ctx, "Send", to.Chat, msg, func() error {
		if err := m.accepts(to.Chat, msg); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		id = m.post(&Message{Chat: to.Chat, From: m.bot.ID, ReplyTo: to.ReplyTo, Message: msg}).ID
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	return id, nil
}

// accepts checks what is to be shown, and counts it.
func (m *Telegram) accepts(chat int64, msg telegram.Message) error {
	if err := m.in(chat); err != nil {
		return err
	}
	if err := check(msg); err != nil {
		m.World.Violate("message in %d: %v: %q", chat, err, msg.Text)
		return err
	}
	return m.spend(chat)
}

// in checks that the bot is in a chat. A private chat has the id of its user.
func (m *Telegram) in(chat int64) error {
	if chat > 0 {
		if _, ok := m.World.User(chat); ok {
			return nil
		}
		return groupcall.ErrNotInChat
	}
	c := m.World.Chat(chat)
	switch {
	case c == nil || c.Role(m.bot.ID) == telegramtest.Stranger:
		return groupcall.ErrNotInChat
	case c.Banned(m.bot.ID):
		return groupcall.ErrBanned
	}
	return nil
}

// Edit implements [telegram.Messenger]. The request is called "EditMessage".
func (m *Telegram) Edit(ctx context.Context, chat int64, id int, msg telegram.Message) error {
	return m.do(ctx, "EditMessage", chat, msg, func() error {
		if err := m.accepts(chat, msg); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		x := m.message(chat, id)
		switch {
		case x == nil || x.Deleted:
			return telegram.ErrGone
		case x.From != m.bot.ID:
			m.World.Violate("the bot edits a message of %d", x.From)
			return groupcall.ErrNotAllowed
		case same(x.Message, msg):
			return groupcall.ErrNotModified
		}
		x.Past = append(x.Past, x.Message)
		x.Message, x.Edited = msg, time.Now()
		x.Edits++
		return nil
	})
}

func same(a, b telegram.Message) bool {
	return strings.TrimSpace(a.Text) == strings.TrimSpace(b.Text) && slices.Equal(a.Entities, b.Entities) &&
		slices.EqualFunc(a.Buttons, b.Buttons, slices.Equal[[]telegram.Button])
}

// Delete implements [telegram.Messenger]. The request is called "Delete".
func (m *Telegram) Delete(ctx context.Context, chat int64, ids ...int) error {
	return m.do(ctx, "Delete", chat, ids, func() error {
		if err := m.in(chat); err != nil {
			return err
		}
		may := chat > 0 || m.World.Chat(chat).Role(m.bot.ID) >= telegramtest.Admin
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, id := range ids {
			x := m.message(chat, id)
			if x == nil {
				continue
			}
			if x.From != m.bot.ID && !may {
				return groupcall.ErrNotAllowed
			}
			x.Deleted = true
		}
		return nil
	})
}

// errQuery is Telegram's QUERY_ID_INVALID.
var errQuery = errors.New("the query is too old or unknown")

// maxAnswer is how many characters an answer to a press has at most.
const maxAnswer = 200

// Answer implements [telegram.Messenger]. The request is called "Answer".
func (m *Telegram) Answer(ctx context.Context, query int64, text string, alert bool) error {
	return m.do(ctx, "Answer", 0, query, func() error {
		if len([]rune(text)) > maxAnswer {
			m.World.Violate("an answer of %d characters: %q", len([]rune(text)), text)
			return errors.New("MESSAGE_TOO_LONG")
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		a := m.presses[query]
		if a == nil || time.Since(a.Pressed) > queryTime {
			return errQuery
		}
		if !a.Answered {
			a.Answered, a.Text, a.Alert = true, text, alert
		}
		return nil
	})
}

// Role implements [telegram.Messenger]. The request is called "Role".
func (m *Telegram) Role(ctx context.Context, chat, user int64) (telegram.Role, error) {
	var role telegram.Role
	err := m.do(ctx, "Role", chat, user, func() error {
		if err := m.in(chat); err != nil || chat > 0 {
			return err
		}
		role = telegram.Role(m.World.Chat(chat).Role(user)) // in the same order
		return nil
	})
	if err != nil {
		return telegram.Stranger, fmt.Errorf("role: %w", err)
	}
	return role, nil
}

// Invite implements [telegram.Messenger]. The request is called "Invite". The bot must be
// an admin.
func (m *Telegram) Invite(ctx context.Context, chat, user int64) (string, error) {
	var link string
	err := m.do(ctx, "Invite", chat, user, func() error {
		if err := m.in(chat); err != nil {
			return err
		}
		c := m.World.Chat(chat)
		who, known := m.World.User(user)
		switch {
		case !known:
			return groupcall.ErrNotInChat
		case c.Role(user) != telegramtest.Stranger:
			return nil
		case c.Role(m.bot.ID) < telegramtest.Admin:
			return groupcall.ErrNotAllowed
		case c.Waiting(user) || c.Basic():
			c.Add(who)
			return nil
		}
		c.Unban(who)
		link = c.Link()
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	return link, nil
}

// Menu implements [telegram.Messenger]. The request is called "Menu".
func (m *Telegram) Menu(ctx context.Context, commands []telegram.MenuEntry) error {
	return m.do(ctx, "Menu", 0, commands, func() error {
		if err := checkMenu(commands); err != nil {
			m.World.Violate("menu: %v", err)
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.menu = commands
		return nil
	})
}

// Commands returns the menu that the bot offers.
func (m *Telegram) Commands() []telegram.MenuEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.menu)
}
