package gogramcalls

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// theirLink is a connection in virtual time. Like gogram's, it dials with longer and
// longer waits when the network is away, and reports nothing about a half-open one.
type theirLink struct {
	mu       sync.Mutex
	up       bool
	network  bool
	halfOpen bool
	asked    int
	cancel   chan struct{} // ends the dialling that is under way
}

func (l *theirLink) IsConnected() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.up }
func (l *theirLink) Flush()            {}

func (l *theirLink) Disconnect() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = false
	if l.cancel != nil {
		close(l.cancel)
		l.cancel = nil
	}
	return nil
}

func (l *theirLink) Reconnect() error {
	_ = l.Disconnect()
	l.mu.Lock()
	cancel := make(chan struct{})
	l.cancel = cancel
	l.mu.Unlock()
	for delay := 2 * time.Second; ; delay *= 2 {
		l.mu.Lock()
		if l.network {
			l.up, l.halfOpen, l.cancel = true, false, nil
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		select {
		case <-cancel:
			return context.Canceled
		case <-time.After(min(delay, 15*time.Minute)):
		}
	}
}

func (l *theirLink) Ask(ctx context.Context) error {
	l.mu.Lock()
	l.asked++
	answers := l.up && l.network && !l.halfOpen
	l.mu.Unlock()
	if answers {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (l *theirLink) set(f func()) { l.mu.Lock(); defer l.mu.Unlock(); f() }

// watched runs a Watch with Telegram's own times in virtual time.
func watched(t *testing.T, f func(t *testing.T, l *theirLink, interrupted <-chan time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &theirLink{up: true, network: true}
		interrupted := make(chan time.Time, 10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		w := newWatch(l, WatchOptions{Idle: defaultIdle, Timeout: defaultProbe, Logger: slog.New(slog.DiscardHandler)},
			func() { interrupted <- time.Now() })
		go func() { done <- w.run(ctx) }()
		f(t, l, interrupted)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		_ = l.Disconnect()
	})
}

func TestHalfOpenConnectionIsNoticedWithin90Seconds(t *testing.T) {
	t.Parallel()
	watched(t, func(t *testing.T, l *theirLink, interrupted <-chan time.Time) {
		began := time.Now()
		l.set(func() { l.halfOpen = true })
		assert.Less(t, (<-interrupted).Sub(began), 90*time.Second)
		assert.True(t, l.IsConnected())
	})
}

func TestOutageEndsAMinuteAfterTheNetworkReturns(t *testing.T) {
	t.Parallel()
	watched(t, func(t *testing.T, l *theirLink, interrupted <-chan time.Time) {
		l.set(func() { l.network, l.up = false, false })
		go func() { _ = l.Reconnect() }() // gogram's own
		time.Sleep(5 * time.Hour)         //nolint:forbidigo // virtual
		began := time.Now()
		l.set(func() { l.network = true })
		assert.Less(t, (<-interrupted).Sub(began), defaultIdle+time.Second)
	})
}

func TestQuietConnectionIsAskedOnceAMinute(t *testing.T) {
	t.Parallel()
	watched(t, func(t *testing.T, l *theirLink, interrupted <-chan time.Time) {
		time.Sleep(time.Hour) //nolint:forbidigo // virtual
		l.set(func() { assert.InDelta(t, 60, l.asked, 2) })
		assert.Empty(t, interrupted)
	})
}

// deadLink is one whose session was ended.
type deadLink struct{ *theirLink }

func (deadLink) Ask(context.Context) error { return groupcall.ErrAccountDead }

func TestDeadSessionEndsTheWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatch(deadLink{&theirLink{up: true}}, WatchOptions{Idle: time.Minute, Timeout: time.Minute}, func() {})
		require.ErrorIs(t, w.run(t.Context()), groupcall.ErrAccountDead)
	})
}
