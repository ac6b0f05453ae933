package gogram

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	tl "github.com/amarnathcjd/gogram/telegram"

	gogramcalls "github.com/gotgcall/gotgcall/adapters/gogram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// Messenger talks by a bot's client, or by a user account's. A user account obeys
// commands in groups only, has no buttons and no menu.
type Messenger struct {
	tg    *tl.Client
	log   *slog.Logger
	me    *tl.UserObj
	names []string // the usernames by which commands are addressed

	mu   sync.Mutex
	seen recent[userIn, int32]     // where a user was seen last, for a user account
	sent recent[message, struct{}] // what the account itself posted
	said recent[int64, string]     // what users are called

	// replies has, for a message with a file, one that replies to it: by this a bot may
	// fetch what it could not by its id.
	replies recent[message, int32]

	files *gogramcalls.Downloader

	dead     chan struct{} // closed when the session has ended
	deadOnce sync.Once
}

type (
	userIn  struct{ chat, user int64 }
	message struct {
		chat int64
		id   int
	}
)

var _ telegram.Messenger = (*Messenger)(nil)

// New returns the messenger of a client that is connected and logged in. [Messenger.Close]
// ends its downloads; the client remains.
func New(tg *tl.Client, log *slog.Logger) (*Messenger, error) {
	me := tg.Me()
	if me == nil || me.ID == 0 {
		return nil, errors.New("messenger: nobody is logged in")
	}
	m := &Messenger{tg: tg, log: log, me: me, files: gogramcalls.NewDownloader(tg), dead: make(chan struct{})}
	for _, u := range me.Usernames {
		if u.Active {
			m.names = append(m.names, u.Username)
		}
	}
	if me.Username != "" {
		m.names = append([]string{me.Username}, m.names...)
	}
	return m, nil
}

// Self returns the id and the username of the account.
func (m *Messenger) Self() (id int64, username string) {
	if len(m.names) > 0 {
		username = m.names[0]
	}
	return m.me.ID, username
}

// Close ends the connections of downloads.
func (m *Messenger) Close() error { return m.files.Close() }

// Menu tells Telegram the commands of a bot.
func (m *Messenger) Menu(ctx context.Context, commands []telegram.MenuEntry) error {
	if !m.me.Bot {
		return nil
	}
	list := make([]*tl.BotCommand, len(commands))
	for i, c := range commands {
		list[i] = &tl.BotCommand{Command: c.Command, Description: c.Description}
	}
	_, err := call[any](ctx, m, &tl.BotsSetBotCommandsParams{Scope: &tl.BotCommandScopeDefault{}, Commands: list})
	return failed("set commands", err)
}

// fullName returns what a user is called.
func fullName(u *tl.UserObj) string {
	return strings.TrimSpace(u.FirstName + " " + u.LastName)
}

// maxRecent bounds each of the messenger's memories.
const maxRecent = 4096

// recent remembers the newest things, at most twice maxRecent.
type recent[K comparable, V any] struct{ now, before map[K]V }

func (r *recent[K, V]) put(k K, v V) {
	if r.now == nil || len(r.now) >= maxRecent {
		r.before, r.now = r.now, make(map[K]V)
	}
	r.now[k] = v
}

func (r *recent[K, V]) get(k K) (v V, ok bool) {
	if v, ok = r.now[k]; !ok {
		v, ok = r.before[k]
	}
	return v, ok
}
