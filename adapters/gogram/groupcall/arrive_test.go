package groupcall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
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
