package groupcall_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/sfutest"
)

// rig is an account, the DJ, that plays in the chats of a World, with Ann as the owner
// of one who listens.
type rig struct {
	t       *testing.T
	ctx     context.Context
	world   *telegramtest.World
	dj, ann groupcall.User
	chat    *telegramtest.Chat
	id      int64 // the chat's
	account *telegramtest.Account
	client  *gotgcall.Client // nil in virtual time
	lib     *library         // in virtual time
	calls   *groupcall.Calls
	dir     string

	mu      sync.Mutex // guards what follows
	notices []groupcall.Notice
	changed chan struct{}
}

// setting is what a rig is made of besides.
type setting struct {
	world  []telegramtest.Option
	calls  []groupcall.Option
	client []gotgcall.Option
	wrap   func(groupcall.Account) groupcall.Account
}

// newRig returns one with a real Client: what it plays can be heard.
func newRig(t *testing.T, s setting) *rig {
	t.Helper()
	client, err := gotgcall.New(s.client...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	r := &rig{client: client}
	r.begin(t, s, client)
	return r
}

// inVirtualTime runs a test with a rig without media in a bubble of synctest.
func inVirtualTime(t *testing.T, s setting, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{lib: newLibrary()}
		t.Cleanup(func() { require.NoError(t, r.lib.events.Wait(context.WithoutCancel(t.Context()))) })
		s.world = append([]telegramtest.Option{telegramtest.WithoutMedia()}, s.world...)
		r.begin(t, s, r.lib)
		f(t, r)
	})
}

func (r *rig) begin(t *testing.T, s setting, client groupcall.Library) {
	t.Helper()
	r.t, r.dir, r.changed = t, t.TempDir(), make(chan struct{})
	var cancel context.CancelFunc
	r.ctx, cancel = context.WithTimeout(t.Context(), 2*time.Hour)
	if r.client != nil {
		r.ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
	}
	t.Cleanup(cancel)
	r.world = telegramtest.New(t, s.world...)
	r.dj, r.ann = r.world.NewUser("DJ"), r.world.NewUser("Ann")
	r.chat = r.world.NewChat("Friends", r.ann, r.dj)
	r.id = r.chat.ID()
	r.account = r.world.Account(r.dj)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts := append([]groupcall.Option{groupcall.WithNotify(r.note), groupcall.WithLogger(logger)}, s.calls...)
	var account groupcall.Account = r.account
	if s.wrap != nil {
		account = s.wrap(account)
	}
	r.calls = groupcall.NewOver(account, client, opts...)
	t.Cleanup(func() { require.NoError(t, r.calls.Close()) })
}

// play plays a song and requires that it plays.
func (r *rig) play() {
	r.t.Helper()
	require.NoError(r.t, r.calls.Play(r.ctx, r.id, song{"a"}))
}

// settle lets everything come to rest, and time pass.
func (r *rig) settle(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // virtual time
	synctest.Wait()
}

func (r *rig) state() groupcall.State { return r.calls.State(r.id) }

func (r *rig) note(n groupcall.Notice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.t.Logf("notice: %T %+v %q", n, n, n.Words())
	r.notices = append(r.notices, n)
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits for the n-th notice of a type and returns it.
func await[N groupcall.Notice](r *rig, n int) N {
	r.t.Helper()
	for {
		r.mu.Lock()
		var found []N
		for _, notice := range r.notices {
			if typed, ok := notice.(N); ok {
				found = append(found, typed)
			}
		}
		changed := r.changed
		r.mu.Unlock()
		if len(found) >= n {
			return found[n-1]
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			var none N
			require.FailNow(r.t, "no such notice", "%T: %v", none, r.ctx.Err())
		}
	}
}

// count returns how many notices of a type there were.
func count[N groupcall.Notice](r *rig) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, notice := range r.notices {
		if _, ok := notice.(N); ok {
			n++
		}
	}
	return n
}

// tones returns a file that plays tones, each as long.
func (r *rig) tones(each time.Duration, frequencies ...float64) gotgcall.Source {
	r.t.Helper()
	path := filepath.Join(r.dir, fmt.Sprint(frequencies[0], len(frequencies))+".wav")
	require.NoError(r.t, sfutest.WriteTones(path, each, frequencies...))
	return gotgcall.FromFile(path, gotgcall.EncodeOptions{})
}

// scale returns a source whose place can be heard: each second is another tone.
func (r *rig) scale(n int) gotgcall.Source {
	frequencies := make([]float64, n)
	for i := range frequencies {
		frequencies[i] = 300 + 50*float64(i)
	}
	return r.tones(time.Second, frequencies...)
}

// second returns which second of a scale a tone is.
func second(tone sfutest.Tone) int { return int(math.Round((tone.Frequency - 300) / 50)) }

// seconds returns those of a scale that the DJ has been heard to play since they joined
// last, when there are n.
func (r *rig) seconds(call *telegramtest.Call, n int) []int {
	r.t.Helper()
	tones, err := call.Tones(r.ctx, r.dj, n)
	require.NoError(r.t, err)
	var all []int
	for _, tone := range tones {
		all = append(all, second(tone))
	}
	return all
}
