package telegramtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/sfutest"
)

// World is a Telegram of few users. Its methods, and those of all that is in it, may be
// called from any goroutine.
type World struct {
	opts options // immutable

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup // requests under way and watchers; Add under mu, and not once closed

	mu       sync.Mutex // guards what follows, and everything in the World
	closed   bool
	changed  chan struct{} // closed and replaced by change
	rand     *rand.Rand
	lastID   int64
	users    map[int64]groupcall.User
	chats    map[int64]*Chat
	calls    map[int64]*Call
	sessions map[int64][]*Account

	requests   []*Request
	faults     []*Fault
	windows    map[string][]time.Time // when each limit was used
	floods     map[floodKey]time.Time // until when nothing may be sent
	violations []string
}

type options struct {
	seed       uint64
	latency    [2]time.Duration
	weather    Weather
	timeout    time.Duration
	silence    time.Duration
	media      bool
	sfu        []sfutest.Option
	floodsFine bool
}

// Option configures a [World].
type Option func(*options)

// WithSeed seeds the random numbers behind latency and weather. The default is 1.
func WithSeed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// WithLatency sets how long a request takes, from shortest to longest, and an update
// half of that. The default is 5 ms to 50 ms.
func WithLatency(shortest, longest time.Duration) Option {
	return func(o *options) { o.latency = [2]time.Duration{shortest, longest} }
}

// WithWeather sets what the network does. The default is calm: the zero Weather.
func WithWeather(w Weather) Option { return func(o *options) { o.weather = w } }

// WithTimeout sets after how long a request without an answer fails with an error that
// wraps context.DeadlineExceeded. The default is 25 s.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithSilence sets how long a participant stays in a call that sends nothing at all, or
// has not connected yet. The default is 40 s.
func WithSilence(d time.Duration) Option { return func(o *options) { o.silence = d } }

// WithServer configures the server of every call.
func WithServer(opts ...sfutest.Option) Option {
	return func(o *options) { o.sfu = append(o.sfu, opts...) }
}

// WithoutMedia makes calls without a server: a join is answered, but the answer leads
// nowhere.
func WithoutMedia() Option { return func(o *options) { o.media = false } }

// WithFloods makes it no violation to exceed a rate limit. It is answered by a
// *groupcall.Flood as ever.
func WithFloods() Option { return func(o *options) { o.floodsFine = true } }

// New returns a World that is closed when the test and its subtests end. The test then
// fails for each violation.
func New(t testing.TB, opts ...Option) *World {
	t.Helper()
	w := Start(opts...)
	t.Cleanup(func() {
		w.Close()
		for _, v := range w.Violations() {
			t.Errorf("telegramtest: %s", v)
		}
	})
	return w
}

// Start returns a World outside of a test: in an example, or in a program to try a bot
// with. The caller must Close it.
func Start(opts ...Option) *World {
	o := options{
		seed: 1, latency: [2]time.Duration{5 * time.Millisecond, 50 * time.Millisecond},
		timeout: 25 * time.Second, silence: 40 * time.Second, media: true,
	}
	for _, opt := range opts {
		opt(&o)
	}
	w := &World{
		opts:     o,
		changed:  make(chan struct{}),
		rand:     rand.New(rand.NewPCG(o.seed, 0)),
		lastID:   1000,
		users:    map[int64]groupcall.User{},
		chats:    map[int64]*Chat{},
		calls:    map[int64]*Call{},
		sessions: map[int64][]*Account{},
		windows:  map[string][]time.Time{},
		floods:   map[floodKey]time.Time{},
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// Close ends all calls and requests and waits for them. It is idempotent.
func (w *World) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.unusedFaults()
	}
	var servers []*sfutest.Server
	for _, c := range w.calls {
		if c.server != nil {
			servers = append(servers, c.server)
		}
	}
	w.stop()
	w.mu.Unlock()
	for _, s := range servers {
		_ = s.Close() // a socket of ours
	}
	w.wg.Wait()
}

// NewUser returns a new user of that name.
func (w *World) NewUser(name string) groupcall.User {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID++
	u := groupcall.User{ID: w.lastID, Name: name, Username: fmt.Sprintf("user%d", w.lastID)}
	w.users[u.ID] = u
	return u
}

// NewBot returns a new bot of that username. Bots cannot be in calls.
func (w *World) NewBot(username string) groupcall.User {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastID++
	u := groupcall.User{ID: w.lastID, Name: username, Username: username, Bot: true}
	w.users[u.ID] = u
	return u
}

// User returns a user by id.
func (w *World) User(id int64) (groupcall.User, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := w.users[id]
	return u, ok
}

// Wait blocks until done reports true. done is called whenever something happened in
// the World, without any lock held. Wait fails with ctx's error.
func (w *World) Wait(ctx context.Context, done func() bool) error {
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changed wakes every Wait. A program that adds to the World calls it after a change of
// its own.
func (w *World) Changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change()
}

// change wakes every Wait. w.mu must be held.
func (w *World) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Violate records that the code under test broke a rule.
func (w *World) Violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violate(format, args...)
}

func (w *World) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// Violations returns what the code under test broke so far.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// goWhileOpen runs f on a goroutine that Close waits for. f must return when w.ctx ends.
// w.mu must be held.
func (w *World) goWhileOpen(f func()) {
	if w.closed {
		return
	}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		f()
	}()
}

// between returns a random duration. w.mu must be held.
func (w *World) between(shortest, longest time.Duration) time.Duration {
	if longest <= shortest {
		return shortest
	}
	return shortest + time.Duration(w.rand.Int64N(int64(longest-shortest)))
}

// sleep waits for d, or until ctx ends, and reports whether it waited for all of it.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
