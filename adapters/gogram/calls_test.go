package gogramcalls

import (
	"testing"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMeIsTheAccountsOwnEntry(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	other := M{"_": "groupCallParticipant", "peer": peerUser(1), "source": 5}
	for _, c := range []struct {
		name string
		list []any
		want groupcall.Participant
		err  error
	}{
		{"ours", []any{other, participant(ssrc, M{"can_self_unmute": true})}, groupcall.Participant{SSRC: ssrc, CanSelfUnmute: true}, nil},
		{"of another device", []any{participant(77, nil)}, groupcall.Participant{SSRC: 77}, nil},
		{"muted by an admin", []any{participant(ssrc, M{"muted": true})}, groupcall.Participant{SSRC: ssrc, Muted: true}, nil},
		{"absent", []any{other}, groupcall.Participant{}, groupcall.ErrNotInCall},
		{"nobody", nil, groupcall.Participant{}, groupcall.ErrNotInCall},
		{"left", []any{participant(ssrc, M{"left": true})}, groupcall.Participant{}, groupcall.ErrNotInCall},
	} {
		s.On("phone.getGroupParticipants", func(*tlserver.Request) any {
			return M{"_": "phone.groupParticipants", "count": len(c.list), "participants": c.list, "version": 4}
		})
		got, err := a.Me(t.Context(), theCall)
		require.ErrorIs(t, err, c.err, c.name)
		assert.Equal(t, c.want, got, c.name)
	}
	assert.Equal(t, M{
		"_": "phone.getGroupParticipants", "call": inputCall(), "offset": "", "limit": 1,
		"ids":     []any{M{"_": "inputPeerUser", "user_id": myID, "access_hash": int64(99)}},
		"sources": []any{},
	}, s.Calls("phone.getGroupParticipants")[0].Args)
}

// scriptCall lets a chat have a call.
func scriptCall(s *tlserver.Server, more M) {
	full := func(kind string, id int64) func(*tlserver.Request) any {
		return func(*tlserver.Request) any {
			return M{"_": "messages.chatFull", "full_chat": M{"_": kind, "id": id, "call": inputCall()}}
		}
	}
	s.On("channels.getFullChannel", full("channelFull", channelID))
	s.On("messages.getFullChat", full("chatFull", groupID))
	s.On("phone.getGroupCall", func(*tlserver.Request) any {
		call := groupCall(6)
		for k, v := range more {
			call[k] = v
		}
		return M{"_": "phone.groupCall", "call": call}
	})
}

func TestCallOfASupergroupAndABasicGroup(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	scriptCall(s, M{"join_muted": true, "rtmp_stream": true, "schedule_date": 1_800_000_000})
	want := groupcall.Call{
		Chat: chat, ID: callID, AccessHash: callHash, Participants: 3, Version: 6,
		JoinMuted: true, RTMP: true, Scheduled: time.Unix(1_800_000_000, 0),
	}
	got, err := a.Call(t.Context(), chat)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, M{"_": "inputChannel", "channel_id": channelID, "access_hash": int64(42)},
		s.Calls("channels.getFullChannel")[0].Args["channel"])

	got, err = a.Call(t.Context(), -groupID)
	require.NoError(t, err)
	want.Chat = -groupID
	assert.Equal(t, want, got)
	assert.Equal(t, groupID, s.Calls("messages.getFullChat")[0].Args["chat_id"])
}

func TestCallIsMissing(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("channels.getFullChannel", func(*tlserver.Request) any {
		return M{"_": "messages.chatFull", "full_chat": M{"_": "channelFull", "id": channelID}}
	})
	_, err := a.Call(t.Context(), chat)
	require.ErrorIs(t, err, groupcall.ErrNoCall)

	scriptCall(s, nil)
	s.On("phone.getGroupCall", func(*tlserver.Request) any { return Error{Code: 400, Message: "GROUPCALL_INVALID"} })
	_, err = a.Call(t.Context(), chat)
	require.ErrorIs(t, err, groupcall.ErrNoCall, "it ended in between")

	s.On("messages.getDialogs", func(*tlserver.Request) any { return M{"_": "messages.dialogs"} })
	_, err = a.Call(t.Context(), chat-1)
	require.ErrorIs(t, err, groupcall.ErrNotInChat, "never seen")
}

func TestBareIDIsExplained(t *testing.T) {
	t.Parallel()
	_, a := newTestAccount(t)
	_, err := a.Call(t.Context(), channelID)
	require.ErrorContains(t, err, "-100")
}

func TestForgottenChatIsFoundAmongTheDialogs(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	scriptCall(s, nil)
	s.On("messages.getDialogs", func(*tlserver.Request) any {
		c := theChannel()
		c["id"], c["access_hash"] = channelID+1, int64(43)
		return M{"_": "messages.dialogsSlice", "count": 1, "chats": []any{c}}
	})
	_, err := a.Call(t.Context(), chat-1)
	require.NoError(t, err)
	assert.Equal(t, M{"_": "inputChannel", "channel_id": channelID + 1, "access_hash": int64(43)},
		s.Calls("channels.getFullChannel")[0].Args["channel"])
}

func TestStartedCallIsReturned(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.createGroupCall", func(*tlserver.Request) any {
		return updates(M{"_": "updateGroupCall", "call": groupCall(1)})
	})
	got, err := a.StartCall(t.Context(), chat, groupcall.StartOptions{Title: "music"})
	require.NoError(t, err)
	want := theCall
	want.Participants, want.Version = 3, 1
	assert.Equal(t, want, got)
	args := s.Calls("phone.createGroupCall")[0].Args
	assert.Equal(t, "music", args["title"])
	assert.Equal(t, M{"_": "inputPeerChannel", "channel_id": channelID, "access_hash": int64(42)}, args["peer"])
}

func TestLeaveNamesTheSSRC(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.leaveGroupCall", func(*tlserver.Request) any { return updates() })
	require.NoError(t, a.Leave(t.Context(), theCall, ssrc))
	assert.Equal(t, int(int32(-1698898192)), s.Calls("phone.leaveGroupCall")[0].Args["source"])
}

func TestRTMPReturnsAddressAndKey(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.getGroupCallStreamRtmpUrl", func(r *tlserver.Request) any {
		if r.Args["revoke"].(bool) {
			return M{"_": "phone.groupCallStreamRtmpUrl", "url": "rtmps://x/s/", "key": "new"}
		}
		return Error{Code: 400, Message: "CHAT_ADMIN_REQUIRED"}
	})
	url, key, err := a.RTMP(t.Context(), chat, true)
	require.NoError(t, err)
	assert.Equal(t, "rtmps://x/s/ new", url+" "+key)
	_, _, err = a.RTMP(t.Context(), chat, false)
	require.ErrorIs(t, err, groupcall.ErrNotAllowed)
}

func TestBotIsRefused(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	bot := me()
	bot["bot"], bot["bot_info_version"] = true, 1
	s.Self(bot)
	tg, err := session.Open(t.Context(), session.Config{AppID: 1, AppHash: "h", Session: s.Session(), Address: s.Addr()})
	require.NoError(t, err)
	defer session.Close(tg)
	_, err = NewAccount(tg)
	require.ErrorIs(t, err, ErrBot)
}

func TestClientWithoutUpdatesIsRefused(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.Self(me())
	tg, err := telegram.NewClient(telegram.ClientConfig{
		AppID: 1, AppHash: "h", StringSession: s.Session(), MemorySession: true, NoPreconnect: true, NoUpdates: true,
		IpAddr: s.Addr(), Cache: telegram.NewCache("", &telegram.CacheConfig{Memory: true}), LogLevel: telegram.LogDisable,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close(tg) })
	require.NoError(t, tg.Connect())
	_, err = NewAccount(tg)
	require.ErrorContains(t, err, "without updates")
}

func TestAnswerOfAnotherTypeIsAnError(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("phone.getGroupParticipants", func(*tlserver.Request) any { return true })
	_, err := a.Me(t.Context(), theCall)
	require.ErrorContains(t, err, "unexpected answer bool")
}
