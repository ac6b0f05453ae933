package bot

import (
	"context"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// calls are what the bot needs of a [groupcall.Calls].
type calls interface {
	PlayAt(ctx context.Context, chat int64, src gotgcall.Source, at time.Duration) error
	Live(ctx context.Context, chat int64, src gotgcall.Source) error
	Leave(ctx context.Context, chat int64) error
	Move(from, to int64)
	Status(chat int64) groupcall.Status
	Chats() map[int64]groupcall.State
	Close() error
}

// media are what the bot needs of a [gotgcall.Client].
type media interface {
	Pause(chat int64) (bool, error)
	Resume(chat int64) (bool, error)
	Mute(chat int64) (bool, error)
	Unmute(chat int64) (bool, error)
	SeekToContext(ctx context.Context, chat int64, to time.Duration) error
	SetNextSourceContext(ctx context.Context, chat int64, src gotgcall.Source) error
	Position(chat int64) (time.Duration, error)
	Duration(chat int64) (time.Duration, error)
	SetSoundContext(ctx context.Context, chat int64, s gotgcall.Sound) error
	Stats(chat int64) (gotgcall.Stats, error)
}

// assistant is an account that plays.
type assistant struct {
	user  groupcall.User
	calls calls
	media media
}

// join makes the Calls of an assistant.
func (b *Bot) join(a Assistant) *assistant {
	user := a.Account.Self()
	opts := []groupcall.Option{
		groupcall.WithLogger(b.cfg.Logger.With("account", user.ID)),
		groupcall.WithNotify(func(n groupcall.Notice) { b.notice(user.ID, n) }),
		groupcall.WithInvite(b.cfg.Messenger.Invite),
		groupcall.WithAloneLeave(b.cfg.Times.Alone),
		groupcall.WithPatience(b.cfg.Times.Patience),
		groupcall.WithRequestTimeout(b.cfg.Times.Request),
		groupcall.WithSound(b.sound),
	}
	if b.cfg.StartCalls {
		opts = append(opts, groupcall.WithStart(groupcall.StartOptions{}))
	}
	calls := groupcall.New(a.Account, a.Client, opts...)
	return &assistant{user: user, media: pausing{a.Client, calls}, calls: calls}
}

// pausing is a Client that pauses by its Calls, which pause as well: what a user paused
// then stays so when an admin has muted the account meanwhile.
type pausing struct {
	*gotgcall.Client
	calls *groupcall.Calls
}

func (p pausing) Pause(chat int64) (bool, error)  { return p.calls.Pause(chat) }
func (p pausing) Resume(chat int64) (bool, error) { return p.calls.Resume(chat) }

// choose returns the assistant for a chat: the one that the chat had last, or else the
// one in the fewest calls. It returns nil when none is left.
func (b *Bot) choose(last int64) *assistant {
	var best *assistant
	fewest := 0
	for _, a := range b.alive() {
		if a.user.ID == last {
			return a
		}
		if n := len(a.calls.Chats()); best == nil || n < fewest {
			best, fewest = a, n
		}
	}
	return best
}

// alive returns the assistants that are of use.
func (b *Bot) alive() (all []*assistant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.assistants {
		if !b.lost[a.user.ID] {
			all = append(all, a)
		}
	}
	return all
}
