package telegramtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

func TestMoreThanOneJoinASecondIsAFlood(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		_, err := s.join(t, s.account, 5)
		require.NoError(t, err)
		call, err := s.account.Call(t.Context(), s.chat.ID())
		require.NoError(t, err)
		_, err = s.account.Join(t.Context(), call, params(6), groupcall.JoinOptions{})
		var flood *groupcall.Flood
		require.ErrorAs(t, err, &flood)
		require.Len(t, s.world.Violations(), 1)
		<-time.After(flood.Wait)
		_, err = s.account.Join(t.Context(), call, params(6), groupcall.JoinOptions{})
		require.NoError(t, err)
	})
}

func TestARequestDuringItsFloodWaitIsAViolation(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		s.world.Fail("Join", telegramtest.Fault{Err: &groupcall.Flood{Wait: 38 * time.Second}})
		var flood *groupcall.Flood
		_, err := s.join(t, s.account, 5)
		require.ErrorAs(t, err, &flood)
		require.Empty(t, s.world.Violations(), "the first one was meant")
		_, err = s.join(t, s.account, 5)
		require.ErrorAs(t, err, &flood)
		require.Len(t, s.world.Violations(), 1)
		<-time.After(flood.Wait)
		_, err = s.join(t, s.account, 5)
		require.NoError(t, err)
		require.Len(t, s.world.Violations(), 1)
	})
}

func TestAFaultHappensAsOftenAsWanted(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		s.world.Fail("Call", telegramtest.Fault{Skip: 1, Times: 2, Err: groupcall.ErrTransient})
		s.world.Fail("Call", telegramtest.Fault{By: 1, Err: groupcall.ErrFrozen})
		var got []bool
		for range 4 {
			_, err := s.account.Call(t.Context(), s.chat.ID())
			got = append(got, errors.Is(err, groupcall.ErrTransient))
		}
		require.Equal(t, []bool{false, true, true, false}, got)
		s.world.Close()
		require.Len(t, s.world.Violations(), 1, "the one that was not met")
	})
}

func TestAnAnswerIsLostThoughTheRequestWasExecuted(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		s.world.Fail("Join", telegramtest.Fault{Lost: true})
		began := time.Now()
		_, err := s.join(t, s.account, 5)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began).Truncate(time.Second), "one of it before the join")
		require.Len(t, s.call.Participants(), 1)
		require.Equal(t, 1, s.world.Requests("Join")[0].Executed)
		_, err = s.join(t, s.account, 5)
		require.ErrorIs(t, err, groupcall.ErrFresh)
	}, telegramtest.WithTimeout(2*time.Second))
}

func TestARequestHangsIsSlowOrIsExecutedTwice(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		s.world.Fail("Join", telegramtest.Fault{Hang: true})
		s.world.Fail("Join", telegramtest.Fault{Delay: time.Minute})
		s.world.Fail("Join", telegramtest.Fault{Twice: true})
		_, err := s.join(t, s.account, 5)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, s.call.Participants())
		began := time.Now()
		_, err = s.join(t, s.account, 5)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), time.Minute)
		_, err = s.join(t, s.account, 6)
		require.ErrorIs(t, err, groupcall.ErrFresh, "the answer of the second execution")
		require.Equal(t, uint32(6), s.call.Participants()[0].SSRC)
		require.Empty(t, s.world.Violations())
	}, telegramtest.WithTimeout(2*time.Minute))
}

func TestARequestIsExecutedThoughItsCallerGaveUp(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		call, err := s.account.Call(t.Context(), s.chat.ID())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = s.account.Join(ctx, call, params(5), groupcall.JoinOptions{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, s.world.Wait(t.Context(), func() bool { return len(s.call.Participants()) == 1 }))
	})
}

func TestCalmUpdatesComeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		got := numbers(t, s, 500)
		require.Len(t, got, 500)
		require.True(t, slices.IsSorted(got))
	})
}

func TestStormyUpdatesAreReorderedDoubledAndLost(t *testing.T) {
	t.Parallel()
	inScene(t, func(t *testing.T, s *scene) {
		got := numbers(t, s, 2000)
		require.False(t, slices.IsSorted(got))
		newest := 0
		for _, n := range got {
			newest = max(newest, n)
			require.Less(t, newest-n, 250, "one a millisecond: more than 200 ms and the latency apart")
		}
		slices.Sort(got)
		distinct := len(slices.Compact(slices.Clone(got)))
		require.InDelta(t, 2000*0.98, distinct, 20)
		require.InDelta(t, 2000*0.98*0.05, len(got)-distinct, 25)
	}, telegramtest.WithWeather(telegramtest.Storm))
}

// numbers sends n numbered updates, one a millisecond, and returns those that arrive.
func numbers(t *testing.T, s *scene, n int) []int {
	t.Helper()
	go func() {
		for i := range n {
			<-time.After(time.Millisecond)
			s.account.Push(groupcall.ParticipantsChanged{CallID: 1, Version: i})
		}
	}()
	var got []int
	for _, e := range of[groupcall.ParticipantsChanged](events(t, s.account, time.Duration(n)*time.Millisecond+time.Second)) {
		got = append(got, e.Version)
	}
	return got
}
