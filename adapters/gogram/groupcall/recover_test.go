package groupcall_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

func TestShortSilenceIsNoLoss(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		r.play()
		r.settle(10 * time.Second)
		r.lib.change(r.id, gotgcall.Disconnected)
		r.settle(13 * time.Second)
		require.Equal(t, groupcall.Recovering, r.state())
		require.GreaterOrEqual(t, len(r.world.Requests("Me")), 3, "asked every 4 s")
		r.lib.change(r.id, gotgcall.Connected)
		r.settle(time.Second)
		require.Equal(t, groupcall.In, r.state())
		require.Len(t, r.world.Requests("Join"), 1)
		require.Zero(t, count[groupcall.Interrupted](r), "nobody needs to know")
		c, _ := r.lib.at(r.id)
		require.False(t, c.paused)
	})
}

func TestLostConnectionIsRejoinedAtThePlace(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.play()
		r.settle(20 * time.Second)
		r.lib.change(r.id, gotgcall.Disconnected)
		r.settle(38 * time.Second)
		before, _ := r.lib.at(r.id)
		r.lib.fail(r.id)
		await[groupcall.Restored](r, 1)
		c, _ := r.lib.at(r.id)
		require.InDelta(t, before.at.Seconds(), c.at.Seconds(), 0.1)
		require.Equal(t, 1, c.opened, "the library has the source")
		require.Len(t, call.Participants(), 1)
		require.ErrorIs(t, await[groupcall.Interrupted](r, 1).Err, gotgcall.ErrConnectionFailed)
	})
}

func TestLossesAreNotFollowedForEver(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.play()
		r.settle(time.Second)
		for range 20 {
			r.lib.connects = append(r.lib.connects, gotgcall.ErrConnectionTimeout)
		}
		r.lib.change(r.id, gotgcall.Disconnected)
		r.settle(38 * time.Second)
		r.lib.fail(r.id)
		left := await[groupcall.Left](r, 1)
		require.ErrorIs(t, left.Err, gotgcall.ErrConnectionTimeout)
		r.settle(time.Minute)
		require.Len(t, r.world.Requests("Join"), 1+5)
		require.Empty(t, call.Participants())
		require.InDelta(t, 39, left.At.Seconds(), 1, "the place is said")
	})
}

func TestRemovedAccountComesBackOnce(t *testing.T) {
	t.Parallel()
	for name, news := range map[string]struct{ event, connection bool }{
		"both": {true, true}, "by the update alone": {true, false}, "by the connection alone": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s setting
			if !news.event {
				s.world = append(s.world, telegramtest.WithWeather(telegramtest.Weather{Drop: 1}))
			}
			inVirtualTime(t, s, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				kick := func() {
					call.Kick(r.dj)
					if news.connection {
						r.lib.fail(r.id)
					}
				}
				r.play()
				r.settle(20 * time.Second)
				kick()
				at := time.Now()
				await[groupcall.Restored](r, 1)
				require.InDelta(t, 5.5, time.Since(at).Seconds(), 1)
				r.settle(0)
				c, _ := r.lib.at(r.id)
				require.InDelta(t, 20, c.at.Seconds(), 0.2, "the place is kept")
				require.False(t, c.paused)
				require.ErrorIs(t, await[groupcall.Interrupted](r, 1).Err, groupcall.ErrRemoved)

				r.settle(time.Minute)
				kick()
				left := await[groupcall.Left](r, 1)
				require.ErrorIs(t, left.Err, groupcall.ErrRemoved)
				require.InDelta(t, 80, left.At.Seconds(), 1)
				r.settle(10 * time.Minute)
				require.Len(t, r.world.Requests("Join"), 2)
				r.play()
			})
		})
	}
}

func TestOtherDeviceGetsTheCall(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.play()
		r.settle(10 * time.Second)
		call.EnterElsewhere(r.dj)
		left := await[groupcall.Left](r, 1)
		require.ErrorIs(t, left.Err, groupcall.ErrElsewhere)
		require.InDelta(t, 11, left.At.Seconds(), 2)
		require.Empty(t, r.world.Requests("Leave"))
		require.Len(t, call.Participants(), 1, "the phone stays")
	})
}

func TestEndOfTheCallKeepsThePlace(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"and the connection ends, too": true, "and the connection is silent": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				r.play()
				r.settle(20 * time.Second)
				call.Discard()
				if fails {
					r.lib.fail(r.id)
				}
				waiting := await[groupcall.Waiting](r, 1)
				require.ErrorIs(t, waiting.Err, groupcall.ErrCallEnded)
				r.settle(5 * time.Minute)
				require.Equal(t, groupcall.Parked, r.state())
				r.chat.StartCall()
				await[groupcall.Restored](r, 1)
				r.settle(0)
				c, _ := r.lib.at(r.id)
				require.InDelta(t, 20, c.at.Seconds(), 0.2)
				require.False(t, c.paused)
				require.Equal(t, groupcall.In, r.state())
				require.Zero(t, count[groupcall.Left](r))
			})
		})
	}
	t.Run("ten minutes", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
			call := r.chat.StartCall()
			r.play()
			r.settle(20 * time.Second)
			call.Discard()
			left := await[groupcall.Left](r, 1)
			require.ErrorIs(t, left.Err, groupcall.ErrCallEnded)
			require.InDelta(t, 20, left.At.Seconds(), 1)
			r.chat.StartCall()
			r.settle(time.Minute)
			require.Len(t, r.world.Requests("Join"), 1)
		})
	})
}

// TestPlayWhileTheCallIsLost: the new source is what is heard when it is back, and Play
// does not wait for that longer than it must.
func TestPlayWhileTheCallIsLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(r *rig, call *telegramtest.Call){
		"connection silent": func(r *rig, _ *telegramtest.Call) {
			r.lib.change(r.id, gotgcall.Disconnected)
			r.settle(30 * time.Second)
		},
		"connection lost": func(r *rig, _ *telegramtest.Call) {
			r.lib.change(r.id, gotgcall.Disconnected)
			r.settle(38 * time.Second)
			r.lib.fail(r.id)
			r.settle(0)
		},
		"removed": func(r *rig, call *telegramtest.Call) {
			call.Kick(r.dj)
			r.settle(time.Second)
		},
		"removed and lost": func(r *rig, call *telegramtest.Call) {
			call.Kick(r.dj)
			r.lib.fail(r.id)
			r.settle(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				r.settle(20 * time.Second)
				lose(r, call)
				require.Equal(t, groupcall.Recovering, r.state())
				require.NoError(t, r.calls.Play(r.ctx, r.id, song{"b"}))
				if c, ok := r.lib.at(r.id); ok && c.state == gotgcall.Disconnected {
					r.lib.change(r.id, gotgcall.Connected)
				}
				r.settle(20 * time.Second)
				require.Equal(t, groupcall.In, r.state())
				c, _ := r.lib.at(r.id)
				require.Equal(t, song{"b"}, c.source)
				require.False(t, c.paused)
				require.Less(t, c.at, 25*time.Second)
				require.Len(t, call.Participants(), 2)
			})
		})
	}
}

// TestPlayWhileACallIsWaitedFor: the newest source is what the next call hears.
func TestPlayWhileACallIsWaitedFor(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.play()
		r.settle(20 * time.Second)
		call.Discard()
		await[groupcall.Waiting](r, 1)
		var parked *groupcall.ParkedError
		require.ErrorAs(t, r.calls.Play(r.ctx, r.id, song{"b"}), &parked)
		require.ErrorAs(t, r.calls.Play(r.ctx, r.id, song{"c"}), &parked)
		r.chat.StartCall()
		await[groupcall.Restored](r, 1)
		r.settle(time.Second)
		c, _ := r.lib.at(r.id)
		require.Equal(t, song{"c"}, c.source)
		require.False(t, c.paused)
	})
}

// unreachable is an account none of whose requests is answered for some time.
type unreachable struct {
	groupcall.Account
	until *atomic.Int64 // Unix seconds
}

func (u unreachable) wait(ctx context.Context) error {
	if time.Now().Unix() < u.until.Load() {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (u unreachable) Me(ctx context.Context, call groupcall.Call) (groupcall.Participant, error) {
	if err := u.wait(ctx); err != nil {
		return groupcall.Participant{}, err
	}
	return u.Account.Me(ctx, call)
}

func (u unreachable) Join(ctx context.Context, call groupcall.Call, params string, o groupcall.JoinOptions) (groupcall.Joined, error) {
	if err := u.wait(ctx); err != nil {
		return groupcall.Joined{}, err
	}
	return u.Account.Join(ctx, call, params, o)
}

// TestNoNetworkForMinutes: neither the server nor Telegram can be reached. The place is
// kept for as long as the library keeps it.
func TestNoNetworkForMinutes(t *testing.T) {
	t.Parallel()
	for outage, comes := range map[time.Duration]bool{5 * time.Minute: true, 20 * time.Minute: false} {
		t.Run(outage.String(), func(t *testing.T) {
			t.Parallel()
			until := &atomic.Int64{}
			inVirtualTime(t, setting{wrap: func(a groupcall.Account) groupcall.Account {
				return unreachable{a, until}
			}}, func(t *testing.T, r *rig) {
				call := r.chat.StartCall()
				call.Enter(r.ann)
				r.play()
				r.settle(20 * time.Second)
				until.Store(time.Now().Add(outage).Unix())
				r.lib.change(r.id, gotgcall.Disconnected)
				r.settle(38 * time.Second)
				r.lib.fail(r.id)
				if !comes {
					require.Error(t, await[groupcall.Left](r, 1).Err)
					return
				}
				await[groupcall.Restored](r, 1)
				require.Less(t, time.Now().Unix()-until.Load(), int64(60))
				c, _ := r.lib.at(r.id)
				require.InDelta(t, 58, c.at.Seconds(), 0.1)
				require.Len(t, call.Participants(), 2)
			})
		})
	}
}
