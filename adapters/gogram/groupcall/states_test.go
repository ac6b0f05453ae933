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

func TestNoCallIsWaitedFor(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		err := r.calls.Play(r.ctx, r.id, song{"a"})
		var parked *groupcall.ParkedError
		require.ErrorAs(t, err, &parked)
		require.ErrorIs(t, err, groupcall.ErrNoCall)
		require.Contains(t, groupcall.Words(err), "Start one within 10 minutes")
		require.Equal(t, groupcall.Parked, r.state())

		r.settle(5 * time.Second)
		r.chat.StartCall()
		await[groupcall.Entered](r, 1)
		r.settle(time.Second)
		require.Equal(t, groupcall.In, r.state())
		c, _ := r.lib.at(r.id)
		require.Equal(t, song{"a"}, c.source)
		require.Equal(t, 1, count[groupcall.Waiting](r))
	})
}

func TestNoCallIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		require.Error(t, r.calls.Play(r.ctx, r.id, song{"a"}))
		r.settle(9 * time.Minute)
		require.Equal(t, groupcall.Parked, r.state())
		r.settle(2 * time.Minute)
		require.Equal(t, groupcall.Out, r.state())
		left := await[groupcall.Left](r, 1)
		require.ErrorIs(t, left.Err, groupcall.ErrNoCall)
		require.Contains(t, left.Words(), "Start one and /play again")
		require.Equal(t, 1, count[groupcall.Waiting](r), "it is said once")
		r.chat.StartCall()
		r.settle(time.Minute)
		require.Empty(t, r.world.Requests("Join"))
	})
}

func TestScheduledCallIsWaitedFor(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.ScheduleCall(time.Date(2000, 1, 1, 20, 30, 0, 0, time.UTC)) // the bubble begins that day
		err := r.calls.Play(r.ctx, r.id, song{"a"})
		require.ErrorIs(t, err, groupcall.ErrScheduled)
		require.Contains(t, groupcall.Words(err), "1 January at 20:30 UTC")
		r.settle(20 * time.Hour)
		require.Equal(t, groupcall.Parked, r.state())
		r.chat.StartCall()
		r.settle(time.Minute)
		require.Equal(t, groupcall.In, r.state())
	})
}

func TestLiveStreamIsNotJoined(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartLiveStream()
		err := r.calls.Play(r.ctx, r.id, song{"a"})
		require.ErrorIs(t, err, groupcall.ErrLiveStream)
		require.Contains(t, groupcall.Words(err), "/live")
		require.Equal(t, groupcall.Out, r.state())
		require.Empty(t, r.world.Requests("Join"))
		require.Empty(t, r.notices, "the error says it")
	})
}

func TestCallIsStartedWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	opts := []groupcall.Option{groupcall.WithStart(groupcall.StartOptions{Title: "Music"})}
	t.Run("may", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{calls: opts}, func(t *testing.T, r *rig) {
			r.chat.SetRole(r.dj, 3)
			r.play()
			require.Equal(t, groupcall.StartOptions{Title: "Music"}, r.world.Requests("StartCall")[0].Args)
		})
	})
	t.Run("may not", func(t *testing.T) {
		t.Parallel()
		inVirtualTime(t, setting{calls: opts}, func(t *testing.T, r *rig) {
			require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), groupcall.ErrNoCall)
			r.chat.StartCall()
			r.settle(time.Minute)
			require.Equal(t, groupcall.In, r.state())
			require.Len(t, r.world.Requests("StartCall"), 1)
		})
	})
}

func TestConnectionThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.lib.connects = []error{gotgcall.ErrConnectionTimeout, gotgcall.ErrConnectionFailed, gotgcall.ErrConnectionTimeout}
		began := time.Now()
		r.play()
		require.InDelta(t, 13, time.Since(began).Seconds(), 4, "1, 3 and 9 s, ±20 %")
		require.Len(t, r.world.Requests("Leave"), 3, "each participation is ended")
		require.Len(t, call.Participants(), 1)
		c, _ := r.lib.at(r.id)
		require.Equal(t, song{"a"}, c.source, "the source is given to each call")
	})
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		for range 4 {
			r.lib.connects = append(r.lib.connects, gotgcall.ErrConnectionTimeout)
		}
		err := r.calls.Play(r.ctx, r.id, song{"a"})
		require.ErrorIs(t, err, gotgcall.ErrConnectionTimeout)
		r.settle(time.Second)
		require.Equal(t, groupcall.Out, r.state())
		require.Empty(t, call.Participants())
		_, there := r.lib.at(r.id)
		require.False(t, there)
	})
}

func TestAnswerOfAnotherKindOfCall(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.lib.connects = []error{gotgcall.ErrUnsupportedCallMode}
		err := r.calls.Play(r.ctx, r.id, song{"a"})
		require.ErrorIs(t, err, groupcall.ErrLiveStream)
		require.Contains(t, groupcall.Words(err), "/live")
		r.settle(time.Second)
		require.Empty(t, call.Participants())
	})
}

func TestMalformedAnswerIsAskedForOnceMore(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		r.lib.connects = []error{gotgcall.ErrInvalidParams}
		r.play()
	})
	inVirtualTime(t, setting{}, func(t *testing.T, r *rig) {
		call := r.chat.StartCall()
		r.lib.connects = []error{gotgcall.ErrInvalidParams, gotgcall.ErrInvalidParams}
		require.ErrorIs(t, r.calls.Play(r.ctx, r.id, song{"a"}), gotgcall.ErrInvalidParams)
		r.settle(time.Second)
		require.Empty(t, call.Participants())
		require.Len(t, r.world.Requests("Join"), 2)
	})
}

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
