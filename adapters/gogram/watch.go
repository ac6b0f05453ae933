package gogramcalls

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
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
// quarter of an hour.
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
	w := &watch{tg: tg, o: o, interrupted: interrupted}
	w.hear()
	// The handler stays: gogram cannot remove any while it calls them.
	tg.AddRawHandler(nil, func(telegram.Update, *telegram.Client) error { w.hear(); return nil })
	return w.run(ctx)
}

type watch struct {
	tg          *telegram.Client
	o           WatchOptions
	interrupted func()
	heard       atomic.Int64 // when the server was last heard, in Unix nanoseconds
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
	up := true
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-flush.C:
			w.tg.Cache.WriteFile()
			continue
		case <-tick.C:
		}
		was := up
		up = w.tg.IsConnected()
		if up && !was {
			w.hear()
			w.interrupted()
		}
		if !up || time.Since(time.Unix(0, w.heard.Load())) < w.o.Idle {
			continue
		}
		err := w.probe(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, groupcall.ErrAccountDead):
			return err
		case err != nil:
			w.reconnect(ctx, err)
			w.interrupted()
		}
		w.hear()
	}
}

// probe asks for anything. An error that Telegram itself sent is an answer, too.
func (w *watch) probe(ctx context.Context) error {
	r := &telegram.UpdatesGetStateParams{}
	_, err := ask[*telegram.UpdatesState](ctx, w.o.Timeout, r, func(ctx context.Context) (any, error) {
		return w.tg.MakeRequestCtx(ctx, r)
	})
	if rpcName(err) != "" && !errors.Is(err, groupcall.ErrAccountDead) {
		return nil
	}
	return err
}

// reconnect has gogram connect again. It tries for hours; ctx's end does not wait for it.
func (w *watch) reconnect(ctx context.Context, why error) {
	w.o.Logger.Warn("Telegram does not answer; connecting again", "err", why)
	done := make(chan error, 1)
	go func() { // ends when there is a connection, or with the client
		done <- protect(func() error { return w.tg.Reconnect(false) })
	}()
	select {
	case err := <-done:
		if err != nil {
			w.o.Logger.Warn("connecting again failed", "err", err)
		}
	case <-ctx.Done():
	}
}
