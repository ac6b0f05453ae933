package groupcall_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

func TestLostChatIsLetGo(t *testing.T) {
	t.Parallel()
	for name, ban := range map[string]bool{"removed": false, "banned": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				r.chat.StartCall()
				other := r.world.NewChat("Others", r.ann, r.dj)
				other.StartCall()
				require.NoError(t, r.calls.Play(r.ctx, other.ID(), song{"b"}))
				r.play()
				if ban {
					r.chat.Ban(r.dj)
				} else {
					r.chat.Remove(r.dj)
				}
				left := await[groupcall.Left](r, 1)
				want := groupcall.ErrNotInChat
				if ban {
					want = groupcall.ErrBanned
				}
				require.ErrorIs(t, left.Err, want)
				r.settle(time.Minute)
				requests := len(r.world.Requests())
				r.settle(10 * time.Second)
				for _, q := range r.world.Requests()[requests:] {
					require.NotEqual(t, r.id, q.Chat)
				}
				require.Equal(t, groupcall.In, r.calls.State(other.ID()))
				require.Len(t, r.calls.Chats(), 1)
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	t.Run("leaves", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			call.Enter(r.ann)
			r.play()
			r.settle(10 * time.Minute)
			require.Equal(t, groupcall.In, r.state())
			require.Equal(t, 1, r.calls.Status(r.id).Listeners)
			call.Exit(r.ann)
			began := time.Now()
			left := await[groupcall.Left](r, 1)
			require.ErrorIs(t, left.Err, groupcall.ErrAlone)
			require.InDelta(t, 5, time.Since(began).Minutes(), 0.1)
			require.Empty(t, call.Participants())
		})
	})
	t.Run("somebody comes back", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			r.play()
			r.settle(4 * time.Minute)
			call.Enter(r.ann)
			r.settle(10 * time.Minute)
			require.Equal(t, groupcall.In, r.state())
		})
	})
	t.Run("other accounts do not count", func(t *testing.T) {
		t.Parallel()
		others := groupcall.WithOtherAccounts(func(int64) int { return 1 })
		inVirtualTime(t, setting{calls: []groupcall.Option{others}}, func(t *testing.T, r *rig) {
			r.chat.StartCall().Enter(r.ann) // another account of the program
			r.play()
			require.ErrorIs(t, await[groupcall.Left](r, 1).Err, groupcall.ErrAlone)
		})
	})
}

func TestCloseLeavesEveryCall(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		var calls []*telegramtest.Call
		for range 3 {
			chat := r.world.NewChat("", r.ann, r.dj)
			calls = append(calls, chat.StartCall())
			require.NoError(t, r.calls.Play(r.ctx, chat.ID(), song{"a"}))
		}
		r.world.Fail("Leave", failing(groupcall.ErrTransient, 1))
		began := time.Now()
		require.NoError(t, r.calls.Close())
		require.Less(t, time.Since(began), 5*time.Second)
		left := 0
		for _, call := range calls {
			left += len(call.Participants())
		}
		require.Equal(t, 1, left, "one could not")
		require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), gotgcall.ErrClosed)
		require.NoError(t, r.calls.Close())
	})
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		r.play()
		r.world.Fail("Leave", hanging())
		began := time.Now()
		require.NoError(t, r.calls.Close())
		require.LessOrEqual(t, time.Since(began), 5100*time.Millisecond)
		_, there := r.lib.at(r.id)
		require.False(t, there)
	})
}

func TestPlayThatWaitsEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		by   func(r *rig, cancel context.CancelFunc)
		want error
	}{
		"with its context":  {func(_ *rig, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"by another source": {func(r *rig, _ context.CancelFunc) { r.play() }, gotgcall.ErrSourceReplaced},
		"by Leave":          {func(r *rig, _ context.CancelFunc) { _ = r.calls.Leave(r.ctx, r.id) }, gotgcall.ErrStopped},
		"by Close":          {func(r *rig, _ context.CancelFunc) { _ = r.calls.Close() }, gotgcall.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				r.world.Fail("Join", slow(3*time.Second))
				ctx, cancel := context.WithCancel(r.ctx)
				defer cancel()
				failed := make(chan error, 1)
				go func() { failed <- r.calls.Play(ctx, r.id, song{"slow"}) }() // ends within the test
				r.settle(time.Second)
				end.by(r, cancel)
				require.ErrorIs(t, <-failed, end.want)
				r.settle(20 * time.Second)
				if errors.Is(end.want, gotgcall.ErrSourceReplaced) {
					require.Len(t, call.Participants(), 1)
					return
				}
				require.Empty(t, call.Participants(), "nobody is left behind")
				_, there := r.lib.at(r.id)
				require.False(t, there)
			})
		})
	}
}

func TestSourceThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		err := r.calls.Play(r.ctx, r.id, badSource{err: gotgcall.ErrFile})
		require.ErrorIs(t, err, gotgcall.ErrFile)
		require.Equal(t, "This cannot be played.", groupcall.Words(err))
		r.settle(5 * time.Second)
		require.Len(t, call.Participants(), 1, "another source may come")
		r.settle(6 * time.Second)
		require.Empty(t, call.Participants())
		require.ErrorIs(t, await[groupcall.Left](r, 1).Err, groupcall.ErrNothingPlays)
	})
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		require.Error(t, r.calls.Play(r.ctx, r.id, badSource{err: gotgcall.ErrFile}))
		r.settle(5 * time.Second)
		r.play()
		require.Error(t, r.calls.Play(r.ctx, r.id, badSource{err: gotgcall.ErrFile}))
		r.settle(time.Minute)
		require.Equal(t, groupcall.In, r.state())
		require.Len(t, r.world.Requests("Join"), 1)
	})
}

func TestProgramThatStopsTheCallItself(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.play()
		require.NoError(t, r.lib.Stop(r.id))
		require.ErrorIs(t, await[groupcall.Left](r, 1).Err, gotgcall.ErrStopped)
		require.Empty(t, call.Participants(), "Telegram is told")
		r.play()
	})
}
