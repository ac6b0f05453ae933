package groupcall

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall"
)

// Option changes how a [Calls] behaves; see the With functions.
type Option func(*config)

type config struct {
	logger   *slog.Logger
	notify   func(Notice)
	invite   func(ctx context.Context, chat, user int64) (link string, err error)
	start    *StartOptions
	others   func(chat int64) int
	sound    func(chat int64) gotgcall.Sound
	alone    time.Duration
	patience time.Duration
	request  time.Duration
}

func newConfig(opts []Option) config {
	cfg := config{
		logger:   slog.New(slog.DiscardHandler),
		others:   func(int64) int { return 0 },
		sound:    func(int64) gotgcall.Sound { return gotgcall.Sound{} },
		alone:    5 * time.Minute,
		patience: 10 * time.Minute,
		request:  25 * time.Second,
	}
	for _, opt := range opts {
		opt(&cfg)
	}
	return cfg
}

// WithLogger sets where the Calls log their work. The default is to log nothing.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// WithNotify sets the function that receives each [Notice], as [Calls.OnNotice] does.
func WithNotify(f func(Notice)) Option {
	return func(c *config) { c.notify = f }
}

// WithInvite sets how the account gets into a chat that it is not in: the function
// makes the way free for the user, by an account that may invite, and returns a link
// for [Account.JoinChat], or an empty one when the user is in. It runs on a goroutine
// of its own, and ends with ctx. Without it such a chat is [ErrNotInChat].
func WithInvite(invite func(ctx context.Context, chat, user int64) (link string, err error)) Option {
	return func(c *config) { c.invite = invite }
}

// WithSound sets how the sources of a chat's call sound from the call's beginning on, as
// [gotgcall.Client.SetSound] changes it later. f must not block.
func WithSound(f func(chat int64) gotgcall.Sound) Option {
	return func(c *config) { c.sound = f }
}

// WithStart starts a call in a chat that has none. The account needs the right to
// manage calls; without it the call is waited for, as by default.
func WithStart(o StartOptions) Option {
	return func(c *config) { c.start = &o }
}

// WithOtherAccounts sets how many of the participants of a chat's call are accounts of
// the program, this one not counted. They are no listeners. f must not block.
func WithOtherAccounts(f func(chat int64) int) Option {
	return func(c *config) { c.others = f }
}

// WithAloneLeave sets after how long without listeners the account leaves. The default
// is 5 min; 0 is never.
func WithAloneLeave(d time.Duration) Option {
	return func(c *config) { c.alone = d }
}

// WithPatience sets for how long a source is kept that waits for a call to begin. The
// default is 10 min, the time for which [gotgcall.Client.Rejoin] keeps a place; more
// loses the place.
func WithPatience(d time.Duration) Option {
	return func(c *config) { c.patience = d }
}

// WithRequestTimeout sets after how long without an answer a request counts as lost.
// The default is 25 s: gogram takes 10 s to connect again, and then repeats what was
// under way.
func WithRequestTimeout(d time.Duration) Option {
	return func(c *config) { c.request = d }
}
