//go:build !race

package gogramcalls

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gogram races with itself when it connects again: a WaitGroup is waited for and added
// to, and the transport is read without its lock. These tests run without the race
// detector.

func TestHalfOpenConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.conf.idle, a.conf.probe = 100*time.Millisecond, 200*time.Millisecond
	got := listen(t, a)
	s.Freeze()
	next[groupcall.Reconnected](t, got)

	a.know(theCall)
	s.On("phone.getGroupParticipants", func(*tlserver.Request) any {
		return M{"_": "phone.groupParticipants", "participants": []any{participant(ssrc, nil)}}
	})
	_, err := a.Me(t.Context(), theCall)
	require.NoError(t, err)
	assert.Equal(t, 2, s.Calls("phone.getGroupParticipants")[0].Conn, "by a new connection")
}

func TestCutConnectionIsReported(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	got := listen(t, a)
	s.Cut()
	next[groupcall.Reconnected](t, got) // gogram takes 10 s
	settle(t, s)
}

// gogram's own next attempt would come after 2, 4, 8, … 900 s.
func TestServerThatWasAwayIsFoundAgain(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.conf.idle = 500 * time.Millisecond
	got := listen(t, a)
	comeBack := s.Leave()
	require.Eventually(t, func() bool { return !a.tg.IsConnected() }, waitFor, tick)
	comeBack()
	next[groupcall.Reconnected](t, got)
	settle(t, s)
	s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return updates() })
	require.NoError(t, a.Leave(t.Context(), theCall, 1))
}

// settle waits for the end of a reconnect, a ping: a client that is closed before it
// races with itself.
func settle(t *testing.T, s *tlserver.Server) {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.Calls("ping")) > 0 }, waitFor, tick)
}

func TestJoinDuringACutLeavesOneParticipant(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	interruptJoin(t, s, a, func(r *tlserver.Request) { r.Cut() }) // costs gogram 10 s
	settle(t, s)
}

func TestJoinEndsWithItsContextWhateverGogramDoes(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.On("phone.joinGroupCall", func(r *tlserver.Request) any {
		r.Cut() // gogram sends it again, with a deadline of its own
		cancel()
		return tlserver.NoAnswer{}
	})
	_, err := a.Join(ctx, theCall, "{}", groupcall.JoinOptions{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSongIsHeardInSpiteOfACutDuringTheJoin(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var cut atomic.Bool
	st.telegram.On("phone.joinGroupCall", func(r *tlserver.Request) any {
		answer := st.join(r)
		if cut.CompareAndSwap(false, true) {
			r.Cut() // it was executed, and the answer is lost
			return tlserver.NoAnswer{}
		}
		return answer
	})
	require.NoError(t, st.calls.Play(ctx, chat, gotgcall.FromFile(st.song, gotgcall.EncodeOptions{})))
	st.hears(ctx, t)
	assert.Equal(t, int32(3), st.joins.Load(), "the first, gogram's repetition, and one with other SSRCs")
	assert.Len(t, st.media.Participants(), 1)
	settle(t, st.telegram)
}
