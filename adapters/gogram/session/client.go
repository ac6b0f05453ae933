package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// Config says how a client is made. AppID and AppHash are those of the owner's
// application at https://my.telegram.org.
type Config struct {
	AppID   int32
	AppHash string

	// Session is a string that Load returned, or another that Normalize knows. Empty
	// is for a login.
	Session string

	// Name tells the clients of one process apart in logs.
	Name string

	// Peers is the file in which the access hashes of chats and users are kept. Without
	// them a restarted user account cannot address a channel until something is posted
	// in it. Empty keeps them in memory.
	Peers string

	// Logger takes gogram's log. Nil is slog.Default with warnings and errors only.
	Logger *slog.Logger

	// Address is another server than Telegram's, as host:port, for tests.
	Address string
}

// String names the client without its secrets.
func (c Config) String() string { return fmt.Sprintf("session of app %d, %q", c.AppID, c.Name) }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Errors of a session, to be tested by errors.Is.
var (
	ErrApp       = errors.New("an app id and an app hash of https://my.telegram.org are needed")
	ErrNoSession = errors.New("nobody is logged in with this session")
	ErrDead      = errors.New("this session has ended: log in again")
	ErrBot       = errors.New("this is a bot's session, and a user's is needed")
)

// errUnreachable names two causes: a server that has forgotten a key says so in a way
// that gogram does not report.
var errUnreachable = errors.New("Telegram cannot be reached, or does not know the session any longer") //nolint:staticcheck // a name

// requestTimeout outlives a reconnect of gogram, which takes 10 s.
const requestTimeout = 25 * time.Second

// New returns a client that has not connected yet: [Connect] does so, and [Close] ends
// it. In contrast to telegram.NewClient it writes no file but Config.Peers, asks nothing
// on the terminal, logs by slog, and its handlers see the updates of every container.
func New(c Config) (*telegram.Client, error) {
	session, err := "", error(nil)
	if c.Session != "" {
		if session, err = Normalize(c.Session); err != nil {
			return nil, err
		}
	}
	if c.AppID == 0 {
		c.AppID = appIDOf(session)
	}
	if c.AppID == 0 || c.AppHash == "" { // else gogram would ask on the terminal
		return nil, ErrApp
	}
	log := c.logger()
	lines := newLogger(log, c.Logger == nil)
	tg, err := telegram.NewClient(telegram.ClientConfig{
		AppID:         c.AppID,
		AppHash:       c.AppHash,
		StringSession: session,
		MemorySession: true, // else the key is written to session.dat
		NoPreconnect:  true, // else the constructor blocks without a network
		NoUpdates:     true, // dispatchUpdates does it
		SessionName:   c.Name,
		IpAddr:        c.Address,
		Cache:         newCache(c.Peers, lines),
		Logger:        lines,
		ErrorHandler: func(err error) bool {
			if errors.Is(err, gogram.ErrAuthKeyInvalid) {
				log.Error("Telegram does not know this session: log in again")
			}
			return false // true would repeat requests without end
		},
		Timeout:    int(requestTimeout.Seconds()),
		ReqTimeout: int(requestTimeout.Seconds()),
		DeviceConfig: telegram.DeviceConfig{
			DeviceModel:   "gotgcall bot",
			SystemVersion: "Go",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	dispatchUpdates(tg, log)
	return tg, nil
}

func (c Config) logger() *slog.Logger {
	log := c.Logger
	if log == nil {
		log = slog.Default()
	}
	return log.With("client", c.Name)
}

// Connect connects a client and returns its own user, or nil when nobody is logged in
// yet. It gives up at ctx's end or after 30 s, whichever is first; then the client must
// be closed. It fails with [ErrDead] when the session was ended elsewhere.
func Connect(ctx context.Context, tg *telegram.Client) (*telegram.UserObj, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// gogram tries for hours, with no context. Close ends that.
	connected := make(chan error, 1)
	go func() { connected <- connect(ctx, tg) }()
	select {
	case err := <-connected:
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: %w", errUnreachable, err)
		}
		if err != nil {
			return nil, fmt.Errorf("connect: %w", classify(err))
		}
	case <-ctx.Done():
		_ = Close(tg)
		return nil, fmt.Errorf("%w: %w", errUnreachable, ctx.Err())
	}
	if err := authorized(ctx, tg); err != nil {
		if errors.Is(err, ErrNoSession) {
			return nil, nil
		}
		return nil, fmt.Errorf("connect: %w", err)
	}
	return self(ctx, tg)
}

// keyTries makes a failure of all of them one in a billion.
const keyTries = 6

// connect connects, and makes a key where there is none: one in fifty of gogram's key
// exchanges does not succeed.
func connect(ctx context.Context, tg *telegram.Client) (err error) {
	for range keyTries {
		err = safe.Do(tg.Connect)
		if err == nil || named(err) != "" || len(tg.GetAuthKey()) > 0 || ctx.Err() != nil {
			return err
		}
		safe.Stop(tg.MTProto) // else gogram believes that it is connected
		if ctx.Err() != nil {
			tg.SetTerminated(true) // it was closed meanwhile
			return ctx.Err()
		}
	}
	return err
}

// Open makes a client, connects it and checks that somebody is logged in. It fails with
// [ErrNoSession] or [ErrDead] when nobody is. [Close] ends the client.
func Open(ctx context.Context, c Config) (*telegram.Client, error) {
	tg, err := New(c)
	if err != nil {
		return nil, err
	}
	me, err := Connect(ctx, tg)
	if err == nil && me == nil {
		err = ErrNoSession
		if c.Session != "" {
			err = ErrDead
		}
	}
	if err != nil {
		_ = Close(tg)
		return nil, err
	}
	return tg, nil
}

// Close ends a client and writes its access hashes.
func Close(tg *telegram.Client) error {
	tg.Cache.WriteFile()
	_ = safe.Do(func() error { tg.Data.Close(); return nil }) // panics the second time
	return safe.End(tg.MTProto, tg.Stop)
}

// authorized fails with [ErrNoSession] or [ErrDead] when nobody is logged in.
func authorized(ctx context.Context, tg *telegram.Client) error {
	_, err := call[*telegram.UpdatesState](ctx, tg, &telegram.UpdatesGetStateParams{})
	return err
}

// self returns the account's own user. It lets gogram keep it, and open the file of
// access hashes, which is an account's own.
func self(ctx context.Context, tg *telegram.Client) (*telegram.UserObj, error) {
	type result struct {
		me  *telegram.UserObj
		err error
	}
	got := make(chan result, 1)
	go func() { // it ends with gogram's own timeout
		var r result
		if err := safe.Do(func() (err error) { r.me, err = tg.GetMe(); return err }); err != nil {
			r = result{err: err}
		}
		got <- r
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return nil, fmt.Errorf("get own user: %w", classify(r.err))
		}
		return r.me, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("get own user: %w", ctx.Err())
	}
}

// call sends a request. An answer of another type than T is an error.
func call[T any](ctx context.Context, tg *telegram.Client, request interface{ CRC() uint32 }) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err = safe.Do(func() error {
		got, err := tg.MakeRequestCtx(ctx, request)
		if err != nil {
			return err
		}
		var ok bool
		if answer, ok = got.(T); !ok {
			return fmt.Errorf("unexpected answer %T", got)
		}
		return nil
	})
	return answer, classify(err)
}

// classify names the errors by which a session is dead.
func classify(err error) error {
	var rpc *gogram.ErrResponseCode
	if !errors.As(err, &rpc) {
		return err
	}
	switch rpc.Message {
	case "AUTH_KEY_UNREGISTERED":
		return fmt.Errorf("%w: %w", ErrNoSession, err)
	case "SESSION_REVOKED", "SESSION_EXPIRED", "USER_DEACTIVATED", "USER_DEACTIVATED_BAN", "AUTH_KEY_DUPLICATED", "AUTH_KEY_INVALID":
		return fmt.Errorf("%w: %w", ErrDead, err)
	}
	return err
}
