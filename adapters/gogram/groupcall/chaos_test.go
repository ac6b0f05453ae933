package groupcall_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// TestAnythingInAnyOrder: users, admins, Telegram, the network and the library do what
// they like, in a storm. Nothing hangs, no move is made that the table lacks, and in the
// end all three agree on who is in which call, and on what is heard.
func TestAnythingInAnyOrder(t *testing.T) {
	t.Parallel()
	seeds := uint64(40)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			defects, trouble := &defects{}, &atomic.Bool{}
			inVirtualTime(t, setting{
				wrap: func(a groupcall.Account) groupcall.Account { return troubled{a, trouble} },
				world: []telegramtest.Option{
					telegramtest.WithWeather(telegramtest.Storm), telegramtest.WithSeed(seed),
				},
				calls: []groupcall.Option{groupcall.WithLogger(slog.New(defects))},
			}, func(t *testing.T, r *rig) {
				c := &chaos{rig: r, trouble: trouble, rand: rand.New(rand.NewPCG(seed, 1))}
				c.run()
				require.Empty(t, defects.all())
			})
		})
	}
}

// defects keeps what is logged as an error.
type defects struct {
	mu    sync.Mutex // guards what follows
	lines []string
}

func (d *defects) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (d *defects) WithAttrs([]slog.Attr) slog.Handler           { return d }
func (d *defects) WithGroup(string) slog.Handler                { return d }

func (d *defects) Handle(_ context.Context, r slog.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	d.lines = append(d.lines, line)
	return nil
}

func (d *defects) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lines
}

// troubled is an account whose requests fail now and then.
type troubled struct {
	groupcall.Account
	on *atomic.Bool
}

func (t troubled) fail() error {
	if !t.on.Load() {
		return nil
	}
	return []error{
		nil, groupcall.ErrFresh, groupcall.ErrTransient, groupcall.ErrCallEnded, groupcall.ErrNotInCall,
		context.DeadlineExceeded, errors.New("WEIRD"),
	}[rand.IntN(7)]
}

func (t troubled) Call(ctx context.Context, chat int64) (groupcall.Call, error) {
	if err := t.fail(); err != nil {
		return groupcall.Call{}, err
	}
	return t.Account.Call(ctx, chat)
}

func (t troubled) Join(ctx context.Context, call groupcall.Call, params string, o groupcall.JoinOptions) (groupcall.Joined, error) {
	if err := t.fail(); err != nil {
		return groupcall.Joined{}, err
	}
	return t.Account.Join(ctx, call, params, o)
}

func (t troubled) Me(ctx context.Context, call groupcall.Call) (groupcall.Participant, error) {
	if err := t.fail(); err != nil {
		return groupcall.Participant{}, err
	}
	return t.Account.Me(ctx, call)
}

func (t troubled) Edit(ctx context.Context, call groupcall.Call, e groupcall.Edit) error {
	if err := t.fail(); err != nil {
		return err
	}
	return t.Account.Edit(ctx, call, e)
}

type chaos struct {
	*rig
	trouble *atomic.Bool
	rand    *rand.Rand
	chats   []*telegramtest.Chat
	plays   sync.WaitGroup
	done    []string
}

func (c *chaos) run() {
	for i := range 4 {
		chat := c.world.NewChat(fmt.Sprint(i), c.ann, c.dj)
		chat.StartCall().Enter(c.ann)
		c.chats = append(c.chats, chat)
	}
	for range 150 {
		c.step(c.chats[c.rand.IntN(len(c.chats))])
		c.settle(time.Duration(c.rand.ExpFloat64() * float64(4*time.Second)))
	}
	c.heal()
	c.settle(3 * time.Minute)
	returned := make(chan struct{})
	go func() { c.plays.Wait(); close(returned) }() // ends with the plays
	select {
	case <-returned:
	case <-time.After(5 * time.Minute):
		c.t.Fatal("a Play has not returned")
	}
	for _, chat := range c.chats {
		c.agree(chat)
	}
}

// step does one thing in a chat.
func (c *chaos) step(chat *telegramtest.Chat) {
	id, call := chat.ID(), chat.Call()
	what := c.rand.IntN(20)
	c.done = append(c.done, fmt.Sprintf("%s %d in %s", time.Now().Format(time.TimeOnly), what, chat.Title()))
	switch {
	case what < 5:
		c.playSomething(id)
	case what == 5:
		c.plays.Go(func() { _ = c.calls.Leave(c.ctx, id) })
	case what == 6:
		_, _ = c.calls.Pause(id)
	case what == 7:
		_, _ = c.calls.Resume(id)
	case what == 8:
		c.library(id)
	case what == 9:
		c.trouble.Store(true)
		c.settle(time.Duration(c.rand.IntN(10)) * time.Second)
		c.trouble.Store(false)
	case call == nil:
		chat.StartCall().Enter(c.ann)
	case what == 10:
		call.Discard()
	case what < 13:
		call.Kick(c.dj)
	case what < 15:
		call.Mute(c.dj)
	case what < 17:
		call.Unmute(c.dj)
	case what == 17:
		call.EnterElsewhere(c.dj)
	case what == 18:
		chat.Remove(c.dj)
	default:
		chat.Add(c.dj)
	}
}

func (c *chaos) playSomething(id int64) {
	var src gotgcall.Source = song{"a"}
	switch c.rand.IntN(5) {
	case 0:
		src = film{song{"b"}}
	case 1:
		src = badSource{err: gotgcall.ErrFile}
	}
	ctx, cancel := context.WithCancel(c.ctx)
	if c.rand.IntN(4) == 0 {
		ctx, cancel = context.WithTimeout(c.ctx, time.Duration(c.rand.IntN(3000))*time.Millisecond)
	}
	at := time.Duration(c.rand.IntN(2)) * time.Minute
	c.plays.Go(func() {
		defer cancel()
		_ = c.calls.PlayAt(ctx, id, src, at)
	})
}

// library has something happen to the library's connection.
func (c *chaos) library(id int64) {
	c.lib.mu.Lock()
	call := c.lib.calls[id]
	there := call != nil && call.connected
	c.lib.mu.Unlock()
	switch {
	case !there:
	case c.rand.IntN(2) == 0:
		c.lib.fail(id)
	default:
		c.lib.change(id, gotgcall.Disconnected)
		c.settle(time.Duration(c.rand.IntN(40)) * time.Second)
		if now, ok := c.lib.at(id); ok && now.state == gotgcall.Disconnected {
			c.lib.change(id, gotgcall.Connected)
		}
	}
}

// heal makes everything well, and plays in every chat.
func (c *chaos) heal() {
	for _, chat := range c.chats {
		chat.Add(c.dj)
		call := chat.Call()
		if call == nil {
			call = chat.StartCall()
		}
		call.Enter(c.ann)
		call.Unmute(c.dj)
	}
	c.settle(time.Minute)
	for i, chat := range c.chats {
		if i%2 == 0 {
			_ = c.calls.Leave(c.ctx, chat.ID())
			continue
		}
		err := c.calls.PlayAt(c.ctx, chat.ID(), song{"last"}, 0)
		var parked *groupcall.ParkedError
		if err != nil && !errors.As(err, &parked) {
			require.NoError(c.t, err)
		}
		_, _ = c.calls.Resume(chat.ID())
	}
}

// agree requires that Telegram, the library and Calls have the same view of a chat.
func (c *chaos) agree(chat *telegramtest.Chat) {
	state := c.calls.State(chat.ID())
	p, in := chat.Call().Participant(c.dj)
	media, there := c.lib.at(chat.ID())
	if state == groupcall.Out {
		require.False(c.t, there, "out, and the library is not: %v", c.done)
		require.False(c.t, in && p.SSRC < 1000, "out, and in the call with %d: %v", p.SSRC, c.done) // of the phone
		return
	}
	require.Equal(c.t, groupcall.In, state, "%v", c.done)
	require.True(c.t, in && there, "%v", c.done)
	require.Equal(c.t, p.SSRC, media.ssrc)
	require.Equal(c.t, song{"last"}, media.source, "%v", c.done)
	require.False(c.t, media.paused, "%v", c.done)
	require.False(c.t, p.Muted, "%v", c.done)
	require.Equal(c.t, 1, c.calls.Status(chat.ID()).Listeners)
}
