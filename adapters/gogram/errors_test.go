package gogramcalls

import (
	"testing"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestErrorsOfTelegramHaveTheirMeaning(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	for _, c := range []struct {
		code int
		name string
		want error
	}{
		{400, "GROUPCALL_SSRC_DUPLICATE_MUCH", groupcall.ErrFresh},
		{400, "GROUPCALL_INVALID", groupcall.ErrCallEnded},
		{403, "GROUPCALL_FORBIDDEN", groupcall.ErrCallEnded},
		{400, "GROUPCALL_ALREADY_DISCARDED", groupcall.ErrCallEnded},
		{400, "GROUPCALL_JOIN_MISSING", groupcall.ErrNotInCall},
		{400, "PARTICIPANT_JOIN_MISSING", groupcall.ErrNotInCall},
		{400, "JOIN_AS_PEER_INVALID", groupcall.ErrJoinAs},
		{400, "DATA_JSON_INVALID", groupcall.ErrRefused},
		{400, "CHANNEL_INVALID", groupcall.ErrNotInChat},
		{406, "CHANNEL_PRIVATE", groupcall.ErrNotInChat},
		{400, "CHAT_ID_INVALID", groupcall.ErrNotInChat},
		{400, "PEER_ID_INVALID", groupcall.ErrNotInChat},
		{403, "CHAT_FORBIDDEN", groupcall.ErrNotInChat},
		{400, "USER_NOT_PARTICIPANT", groupcall.ErrNotInChat},
		{400, "USER_BANNED_IN_CHANNEL", groupcall.ErrBanned},
		{403, "USER_KICKED", groupcall.ErrBanned},
		{400, "CHANNELS_TOO_MUCH", groupcall.ErrTooManyChats},
		{403, "USER_CHANNELS_TOO_MUCH", groupcall.ErrTooManyChats},
		{406, "FROZEN_METHOD_INVALID", groupcall.ErrFrozen},
		{420, "FROZEN_METHOD_INVALID", groupcall.ErrFrozen},
		{500, "GROUPCALL_ADD_PARTICIPANTS_FAILED", groupcall.ErrTransient},
		{500, "CREATE_CALL_FAILED", groupcall.ErrTransient},
		{500, "INTERDC_2_CALL_ERROR", groupcall.ErrTransient},
		{500, "INTERDC_3_CALL_RICH_ERROR", groupcall.ErrTransient},
		{500, "CALL_OCCUPY_FAILED", groupcall.ErrTransient},
		{-503, "Timeout", groupcall.ErrTransient},
		{503, "Timedout", groupcall.ErrTransient},
		{500, "SOMETHING_NEW", groupcall.ErrTransient},
		{400, "BOT_METHOD_INVALID", ErrBot},
		{400, "CHAT_ADMIN_REQUIRED", groupcall.ErrNotAllowed},
		{403, "PUBLIC_CHANNEL_MISSING", groupcall.ErrNotAllowed},
		{400, "VIDEO_STOP_FORBIDDEN", groupcall.ErrNotAllowed},
		{400, "VIDEO_PAUSE_FORBIDDEN", groupcall.ErrNotAllowed},
		{400, "RAISE_HAND_FORBIDDEN", groupcall.ErrNotAllowed},
		{400, "GROUPCALL_NOT_MODIFIED", groupcall.ErrNotModified},
		{400, "INVITE_HASH_EXPIRED", groupcall.ErrInvite},
		{400, "INVITE_HASH_INVALID", groupcall.ErrInvite},
		{400, "INVITE_REQUEST_SENT", groupcall.ErrJoinRequested},
		{401, "AUTH_KEY_UNREGISTERED", groupcall.ErrAccountDead},
		{401, "SESSION_REVOKED", groupcall.ErrAccountDead},
		{401, "USER_DEACTIVATED", groupcall.ErrAccountDead},
		{401, "USER_DEACTIVATED_BAN", groupcall.ErrAccountDead},
		{406, "AUTH_KEY_DUPLICATED", groupcall.ErrAccountDead},
	} {
		s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return Error{Code: c.code, Message: c.name} })
		err := a.Leave(t.Context(), theCall, 1)
		require.ErrorIs(t, err, c.want, c.name)
		assert.NotEmpty(t, rpcName(err), c.name)
	}
}

func TestUnknownErrorKeepsItsName(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return Error{Code: 400, Message: "USER_VOLUME_INVALID"} })
	err := a.Leave(t.Context(), theCall, 1)
	require.ErrorContains(t, err, "USER_VOLUME_INVALID")
	for _, meaning := range meanings {
		require.NotErrorIs(t, err, meaning)
	}
}

func TestFloodSaysHowLong(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	for name, want := range map[string]time.Duration{
		"FLOOD_WAIT_7":          7 * time.Second,
		"FLOOD_PREMIUM_WAIT_38": 38 * time.Second,
		"SLOWMODE_WAIT_9":       9 * time.Second,
		"FLOOD_WAIT_0":          time.Second,
	} {
		s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return Error{Code: 420, Message: name} })
		before := len(s.Calls("phone.leaveGroupCall"))
		var flood *groupcall.Flood
		require.ErrorAs(t, a.Leave(t.Context(), theCall, 1), &flood, name)
		assert.Equal(t, want, flood.Wait, name)
		assert.Len(t, s.Calls("phone.leaveGroupCall"), before+1, "not repeated during the flood")
	}
}
