package gogramcalls

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// WatchOptions are those of [Watch].
type WatchOptions struct {
	Idle    time.Duration // silence after which the server is asked whether it is there; 60 s
	Timeout time.Duration // for the answer; 25 s
	Logger  *slog.Logger  // slog.Default
}

// Watch watches over a client's connection until ctx ends or the session is dead, which
// is groupcall.ErrAccountDead. It calls interrupted, if not nil, after each interruption:
// updates may be missing. gogram itself notices a connection that is half open after a
// quarter of an hour, and waits as long between two attempts to connect. There should be
// one Watch for a client; an Account's Events is one.
func Watch(ctx context.Context, tg *telegram.Client, o WatchOptions, interrupted func()) error {
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultProbe
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if interrupted == nil {
		interrupted = func() {}
	}
	w := newWatch(gogramLink{tg}, o, interrupted)
	// The handler stays: gogram reads the list of them while one is removed.
	err := safe.Do(func() error {
		tg.AddRawHandler(nil, func(telegram.Update, *telegram.Client) error { w.hear(); return nil })
		return nil
	})
	if err != nil {
		return err
	}
	return w.run(ctx)
}

// link is a client's connection, as far as it is watched.
type link interface {
	IsConnected() bool
	Disconnect() error
	Reconnect() error // blocks until there is a connection, or Disconnect
	Ask(context.Context) error
	Flush() // writes what the client keeps
}

type watch struct {
	link        link
	o           WatchOptions
	interrupted func()
	heard       atomic.Int64 // when the server was last heard, in Unix nanoseconds

	// Owned by run.
	up      bool
	since   time.Time  // when it was last up, or something was done about it
	dialing bool       // a redial is under way
	dialled chan error // its result
}

func newWatch(l link, o WatchOptions, interrupted func()) *watch {
	w := &watch{link: l, o: o, interrupted: interrupted, dialled: make(chan error, 1), up: true}
	w.hear()
	return w
}

func (w *watch) hear() { w.heard.Store(time.Now().UnixNano()) }

// glance is how often the state of the connection is looked at. A reconnect takes 10 s.
const glance = 250 * time.Millisecond

// flushEvery is how often the access hashes are written: gogram forgets to after two
// changes in a row.
const flushEvery = 5 * time.Minute

func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(min(glance, w.o.Idle/4))
	defer tick.Stop()
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-flush.C:
			w.link.Flush()
		case err := <-w.dialled:
			w.dialing = false
			if w.up = w.link.IsConnected(); w.up {
				w.hear()
				w.interrupted()
			} else {
				w.o.Logger.Warn("Telegram cannot be reached", "err", err)
			}
		case <-tick.C:
			if err := w.look(ctx); err != nil {
				return err
			}
		}
	}
}

// look does what is due.
func (w *watch) look(ctx context.Context) error {
	was := w.up
	w.up = w.link.IsConnected()
	switch {
	case w.up && !was && !w.dialing:
		w.hear()
		w.interrupted()
	case was && !w.up:
		w.since = time.Now()
	case !w.up && time.Since(w.since) > w.o.Idle:
		w.redial()
	case w.up && !w.dialing && time.Since(time.Unix(0, w.heard.Load())) > w.o.Idle:
		return w.ask(ctx)
	}
	return nil
}

// ask asks the server for anything, and connects again if it does not answer.
func (w *watch) ask(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	err := w.link.Ask(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, groupcall.ErrAccountDead):
		return err
	case err != nil:
		w.o.Logger.Warn("Telegram does not answer; connecting again", "err", err)
		w.redial()
	default:
		w.hear()
	}
	return nil
}

// redial has gogram connect at once. Where it is connecting, that is ended: it may be
// waiting for long.
func (w *watch) redial() {
	down, again := !w.up, w.dialing
	w.since, w.dialing = time.Now(), true
	go func() { // ends with the connection, by the next redial, or with the client
		var err error
		if down {
			err = w.link.Disconnect()
		}
		if again {
			return // the redial before reports that it has failed
		}
		if err == nil && (!down || !w.link.IsConnected()) {
			err = w.link.Reconnect()
		}
		w.dialled <- err
	}()
}

// gogramLink is gogram's.
type gogramLink struct{ tg *telegram.Client }

func (l gogramLink) IsConnected() bool { return l.tg.IsConnected() }
func (l gogramLink) Disconnect() error { return safe.Do(l.tg.Disconnect) }
func (l gogramLink) Reconnect() error  { return safe.Do(func() error { return l.tg.Reconnect(false) }) }
func (l gogramLink) Flush()            { l.tg.Cache.WriteFile() }

// Ask returns why there is no answer. An error that Telegram itself sent is one, too.
func (l gogramLink) Ask(ctx context.Context) error {
	_, err := Call[*telegram.UpdatesState](ctx, l.tg, &telegram.UpdatesGetStateParams{})
	if rpcName(err) != "" && !errors.Is(err, groupcall.ErrAccountDead) {
		return nil
	}
	return err
}
