package bot

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/store"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Config is what a [Bot] consists of. Messenger, Assistants, Resolver and Store are
// needed; for the rest zero is the default.
type Config struct {
	Messenger  telegram.Messenger // talks in chats
	Assistants []Assistant        // play in calls
	Resolver   Resolver
	Store      *store.Store // stays open after Run
	Logger     *slog.Logger // default: none
	StartCalls bool         // in chats without a call, where the account may
	Blocked    []int64      // users who are not listened to
	Limits     Limits
	Times      Times
}

// Assistant is a user account that plays in calls, with its own Client, whose
// callbacks the Bot sets. The caller closes the Client after [Bot.Run].
type Assistant struct {
	Account groupcall.Account
	Client  *gotgcall.Client
}

// Limits bound what the users of a chat can ask for.
type Limits struct {
	Queue    queue.Limits // default: 100 entries, 20 of one user
	Playlist int          // tracks that one command adds; default 50

	UserBurst     int           // commands at once of one user; default 10
	UserEvery     time.Duration // between further ones; default 2 s
	ChatPerMinute int           // commands of a chat; default 20
	PressEvery    time.Duration // between presses of one user, after a burst of 4; default 500 ms

	// Messages is how many messages and edits a chat gets in any minute; default 18,
	// as Telegram refuses more than 20 in a group.
	Messages int
	// MessagesPerSecond is that of all chats; default 25, of Telegram's 30.
	MessagesPerSecond int
}

// Times are how long the bot waits for this and that.
type Times struct {
	Alone        time.Duration // until it leaves a call without listeners; default 5 min
	Patience     time.Duration // for which it waits for a call to begin; default 10 min
	Empty        time.Duration // until it leaves a call after its queue has ended; default 3 min
	Prepare      time.Duration // how long before a track's end the next one is opened; default 20 s
	Progress     time.Duration // between edits of the card that only move its bar; default 10 s
	SavePosition time.Duration // between writes of the position, which take up to 1 s; default 9 s
	Search       time.Duration // after which a search is announced; default 700 ms
	Stale        time.Duration // age of a command that is ignored; default 1 min
	Role         time.Duration // for which a user's role is believed; default 5 min
	KeepLost     time.Duration // for which the queue of a chat is kept that the bot is out of; default 1 h
	Idle         time.Duration // after which a chat without a queue is put out of memory; default 10 min
	Request      time.Duration // limit of a request to Telegram; default 25 s
	Leave        time.Duration // limit of leaving all calls at the end; default 5 s
}

// newConfig returns cfg with its defaults.
func newConfig(cfg Config) (Config, error) {
	switch {
	case cfg.Messenger == nil:
		return cfg, errors.New("a bot needs a Messenger")
	case cfg.Resolver == nil:
		return cfg, errors.New("a bot needs a Resolver")
	case cfg.Store == nil:
		return cfg, errors.New("a bot needs a Store")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &cfg.Limits
	or(&l.Queue.Entries, 100)
	or(&l.Queue.PerUser, 20)
	or(&l.Playlist, 50)
	or(&l.UserBurst, 10)
	or(&l.UserEvery, 2*time.Second)
	or(&l.ChatPerMinute, 20)
	or(&l.PressEvery, 500*time.Millisecond)
	or(&l.Messages, 18)
	or(&l.MessagesPerSecond, 25)
	t := &cfg.Times
	or(&t.Alone, 5*time.Minute)
	or(&t.Patience, 10*time.Minute)
	or(&t.Empty, 3*time.Minute)
	or(&t.Prepare, 20*time.Second)
	or(&t.Progress, 10*time.Second)
	or(&t.SavePosition, 9*time.Second)
	or(&t.Search, 700*time.Millisecond)
	or(&t.Stale, time.Minute)
	or(&t.Role, 5*time.Minute)
	or(&t.KeepLost, time.Hour)
	or(&t.Idle, 10*time.Minute)
	or(&t.Request, 25*time.Second)
	or(&t.Leave, 5*time.Second)
	return cfg, nil
}

// or sets v to its default if it is zero.
func or[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
