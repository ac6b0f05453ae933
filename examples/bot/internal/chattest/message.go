package chattest

import (
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Message is one in a chat, as it is shown now.
type Message struct {
	Chat    int64
	ID      int
	From    int64
	ReplyTo int
	telegram.Message
	File    *File // what it carries; nil for text
	Sent    time.Time
	Edited  time.Time // last; zero for never
	Edits   int
	Deleted bool
	Past    []telegram.Message // what it was, oldest first
}

// message returns a message of a chat; m.mu must be held.
func (m *Telegram) message(chat int64, id int) *Message {
	i := slices.IndexFunc(m.messages, func(x *Message) bool { return x.Chat == chat && x.ID == id })
	if i < 0 {
		return nil
	}
	return m.messages[i]
}

// post adds a message; m.mu must be held.
func (m *Telegram) post(x *Message) *Message {
	m.lastID++
	x.ID, x.Sent = m.lastID, time.Now()
	m.messages = append(m.messages, x)
	return x
}

// Messages returns what is shown in a chat, oldest first, by whomever.
func (c *Chat) Messages() []Message { return c.messages(func(x *Message) bool { return !x.Deleted }) }

// Said returns what the bot has written in a chat, oldest first, also what it deleted.
func (c *Chat) Said() []Message {
	return c.messages(func(x *Message) bool { return x.From == c.tg.bot.ID })
}

func (c *Chat) messages(wanted func(*Message) bool) []Message {
	c.tg.mu.Lock()
	defer c.tg.mu.Unlock()
	var all []Message
	for _, x := range c.tg.messages {
		if x.Chat == c.ID() && wanted(x) {
			copied := *x
			copied.Past = slices.Clone(x.Past)
			all = append(all, copied)
		}
	}
	return all
}
