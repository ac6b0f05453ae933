package gogramcalls

import (
	"testing"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	waitFor = 20 * time.Second
	tick    = 5 * time.Millisecond
)

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

func TestSilenceIsNoFailure(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.conf.idle = 20 * time.Millisecond
	before := len(s.Calls("updates.getState"))
	listen(t, a)
	require.Eventually(t, func() bool { return len(s.Calls("updates.getState")) >= before+3 }, waitFor, tick)
	assert.Equal(t, 1, s.Accepted())
}

func TestEventsEndWithTheSession(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.conf.idle = 20 * time.Millisecond
	s.On("updates.getState", func(*tlserver.Request) any { return Error{Code: 401, Message: "SESSION_REVOKED"} })
	err := a.Events(t.Context(), func(groupcall.Event) {})
	require.ErrorIs(t, err, groupcall.ErrAccountDead)
	assert.Error(t, a.Events(t.Context(), nil), "they are read once")
}

func TestDeadSessionIsNoticedByAnyRequest(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return Error{Code: 406, Message: "AUTH_KEY_DUPLICATED"} })
	ended := make(chan error, 1)
	go func() { ended <- a.Events(t.Context(), func(groupcall.Event) {}) }()
	require.ErrorIs(t, a.Leave(t.Context(), theCall, 1), groupcall.ErrAccountDead)
	require.ErrorIs(t, <-ended, groupcall.ErrAccountDead)
}
