// Package telegram is what a bot says and hears on Telegram.
package telegram

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// ErrGone is returned for a message that was deleted.
var ErrGone = errors.New("the message is gone")

// Messenger is the account that talks in chats: a bot, or the user account itself.
// Every method blocks until the answer, an error or ctx's end. Errors are [ErrGone] and
// those of package groupcall: ErrNotModified, ErrNotAllowed, ErrNotInChat, *Flood.
type Messenger interface {
	// Self returns the id and the username, without @, of the account that talks.
	Self() (id int64, username string)

	// Send posts a message and returns its id.
	Send(ctx context.Context, to Place, m Message) (id int, err error)

	// Edit replaces a message. It fails with [ErrGone] when it was deleted, and with
	// groupcall.ErrNotModified when nothing would change.
	Edit(ctx context.Context, chat int64, id int, m Message) error

	// Delete deletes messages. Those that are gone already are no error.
	Delete(ctx context.Context, chat int64, ids ...int) error

	// Answer answers the press of a button; text may be empty, and alert shows
	// it in a window.
	Answer(ctx context.Context, query int64, text string, alert bool) error

	// Role returns what a user is in a chat.
	Role(ctx context.Context, chat, user int64) (Role, error)

	// Invite lets a user, one of the bot's accounts, into a chat: it lifts a ban,
	// approves a request, adds the user or returns a link for [groupcall.Account.JoinChat];
	// link is empty when the user is in.
	Invite(ctx context.Context, chat, user int64) (link string, err error)

	// Download writes the media's bytes to a file, from its beginning, and truncates it
	// to them. progress is called with a growing done.
	Download(ctx context.Context, m track.Media, to *os.File, progress func(done, total int64)) error

	// Menu tells Telegram the commands that it offers to users.
	Menu(ctx context.Context, commands []MenuEntry) error

	// Listen calls f for each message that is a command, each press of a button and each
	// change of the chat, one at a time, until ctx ends. They may be late, doubled or
	// missing. f must not block. It is called once.
	Listen(ctx context.Context, f func(Update)) error
}

// Place is where a message goes.
type Place struct {
	Chat    int64 // marked id
	Topic   int   // of a forum; 0 for none
	ReplyTo int   // a message's id; 0 for none
}

// Message is what is shown.
type Message struct {
	Text     string
	Entities []Entity
	Buttons  [][]Button // rows
	Silent   bool
}

// Entity marks a part of a text. Offset and Length count UTF-16 code units.
type Entity struct {
	Kind           EntityKind
	Offset, Length int
	URL            string // of a Link
}

// EntityKind is how an [Entity] is shown.
type EntityKind int

// The kinds of entities.
const (
	Bold EntityKind = iota
	Italic
	Code
	Link
	Quote
)

// Button is one under a message.
type Button struct {
	Text string
	Data string // comes back when it is pressed; at most 64 bytes
}

// MenuEntry is a command that Telegram offers.
type MenuEntry struct{ Command, Description string }

// Role is what a user is in a chat.
type Role int

// The roles, from least to most.
const (
	Stranger Role = iota // not a member
	Member
	Admin     // of any kind
	CallAdmin // may manage calls
	Owner     // created the chat
)

// Update is one of [Command], [Press], [RoleChanged], [ChatGone] and [ChatMoved].
type Update interface{ update() }

// Command is a message that a user sent.
type Command struct {
	Place          // where to answer: ReplyTo is the message itself
	Private   bool // a chat with the user alone
	From      track.User
	Anonymous bool // sent in the name of the group: an admin
	Text      string
	Date      time.Time
	Reply     *track.Media // of the message itself or the one it replies to
	ReplyInfo MediaInfo
}

// MediaInfo is what Telegram says of the media in a message.
type MediaInfo struct {
	Title, Artist string
	Length        time.Duration
	Video         bool
}

// Press is the press of a button.
type Press struct {
	Query   int64
	Chat    int64
	Message int
	From    track.User
	Data    string
}

// RoleChanged reports that a user's rights in a chat changed.
type RoleChanged struct{ Chat, User int64 }

// ChatGone reports that the bot is out of a chat.
type ChatGone struct{ Chat int64 }

// ChatMoved reports that a basic group has become a supergroup.
type ChatMoved struct{ From, To int64 }

func (Command) update()     {}
func (Press) update()       {}
func (RoleChanged) update() {}
func (ChatGone) update()    {}
func (ChatMoved) update()   {}
