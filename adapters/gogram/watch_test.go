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
