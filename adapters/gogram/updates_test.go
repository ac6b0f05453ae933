package gogramcalls

import (
	"testing"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// offline returns an account that takes updates but is connected to nothing.
func offline(t *testing.T) *account {
	t.Helper()
	tg, err := session.New(session.Config{AppID: 1, AppHash: "h"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close(tg) })
	a := &account{
		tg: tg, me: groupcall.User{ID: myID}, queue: events{ready: make(chan struct{}, 1)},
		joining: make(chan struct{}, 1), pushed: make(chan string, 1),
		chats: map[int64]int64{}, used: map[int64]bool{}, versions: map[int64]int32{}, looking: map[look]bool{},
	}
	a.know(theCall)
	return a
}

func mine(version int32, p telegram.GroupCallParticipant) *telegram.UpdateGroupCallParticipants {
	p.Self, p.Peer = true, &telegram.PeerUser{UserID: myID}
	return &telegram.UpdateGroupCallParticipants{
		Call:         &telegram.InputGroupCallObj{ID: callID},
		Participants: []*telegram.GroupCallParticipant{&p}, Version: version,
	}
}

func TestOlderUpdateSaysNothingOfTheAccount(t *testing.T) {
	t.Parallel()
	a := offline(t)
	a.update(mine(10, telegram.GroupCallParticipant{Source: 1}))
	a.update(mine(12, telegram.GroupCallParticipant{Source: 1, Muted: true}))
	a.update(mine(11, telegram.GroupCallParticipant{Source: 1}))
	a.update(mine(12, telegram.GroupCallParticipant{Source: 1, Muted: true, CanSelfUnmute: true}))
	assert.Equal(t, []any{
		groupcall.MeChanged{CallID: callID, Version: 10, Me: groupcall.Participant{SSRC: 1}},
		groupcall.MeChanged{CallID: callID, Version: 12, Me: groupcall.Participant{SSRC: 1, Muted: true}},
		groupcall.ParticipantsChanged{CallID: callID, Version: 11},
		groupcall.MeChanged{CallID: callID, Version: 12, Me: groupcall.Participant{SSRC: 1, Muted: true, CanSelfUnmute: true}},
	}, a.queue.take())
}

func TestQueueThatOverflowsSaysSo(t *testing.T) {
	t.Parallel()
	a := offline(t)
	for range maxEvents + 5 {
		a.update(mine(10, telegram.GroupCallParticipant{}))
	}
	list := a.queue.take()
	assert.Len(t, list, 5)
	assert.Equal(t, groupcall.Reconnected{}, list[0])
}

func TestUpdatesBecomeEvents(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	scriptCall(s, nil)
	_, err := a.Call(t.Context(), chat) // it is known from here on
	require.NoError(t, err)
	got := listen(t, a)

	s.Push(updates(M{"_": "updateGroupCall", "call": groupCall(7)}))
	want := theCall
	want.Participants, want.Version = 3, 7
	assert.Equal(t, groupcall.CallChanged{Call: want}, next[groupcall.CallChanged](t, got))

	s.Push(updates(participants(8, participant(ssrc, M{"muted": true}))))
	assert.Equal(t, groupcall.MeChanged{
		CallID: callID, Version: 8, Me: groupcall.Participant{SSRC: ssrc, Muted: true},
	}, next[groupcall.MeChanged](t, got))

	s.Push(updates(participants(9, M{"_": "groupCallParticipant", "just_joined": true, "peer": peerUser(1), "source": 3})))
	assert.Equal(t, groupcall.ParticipantsChanged{CallID: callID, Version: 9}, next[groupcall.ParticipantsChanged](t, got))

	s.Push(updates(M{"_": "updateGroupCall", "call": M{"_": "groupCallDiscarded", "id": callID, "access_hash": callHash}}))
	assert.Equal(t, groupcall.CallEnded{Chat: chat, ID: callID}, next[groupcall.CallEnded](t, got))
}

func TestUpdatesThatGogramDropsArrive(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.know(theCall)
	got := listen(t, a)
	s.Push(M{
		"_": "updatesCombined", "seq_start": 1, "seq": 2, "updates": []any{
			participants(3, participant(ssrc, nil)),
			M{"_": "updateGroupCall", "call": groupCall(3)},
		},
	})
	next[groupcall.MeChanged](t, got)
	s.Push(M{"_": "updates", "seq": 3, "updates": []any{participants(4, participant(ssrc, nil))}})
	assert.Equal(t, 4, next[groupcall.MeChanged](t, got).Version, "the sequence goes on")
}

// Reading again heals what a client of gogram's own making has dropped.
func TestAccountOfAPlainClientHealsByReading(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.Self(me())
	tg, err := telegram.NewClient(telegram.ClientConfig{
		AppID: 1, AppHash: "h", StringSession: s.Session(), MemorySession: true, NoPreconnect: true,
		IpAddr: s.Addr(), Cache: telegram.NewCache("", &telegram.CacheConfig{Memory: true}), LogLevel: telegram.LogDisable,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close(tg) })
	require.NoError(t, tg.Connect())
	a, err := newAccount(tg)
	require.NoError(t, err)
	a.know(theCall)
	got := listen(t, a)
	s.Push(M{"_": "updatesCombined", "updates": []any{participants(3, participant(ssrc, M{"muted": true}))}})
	s.Push(updates(participants(4, M{"_": "groupCallParticipant", "left": true, "peer": peerUser(1), "source": 3})))
	next[groupcall.ParticipantsChanged](t, got)
	s.On("phone.getGroupParticipants", func(*tlserver.Request) any {
		return M{"_": "phone.groupParticipants", "participants": []any{participant(ssrc, M{"muted": true})}, "version": 4}
	})
	p, err := a.Me(t.Context(), theCall)
	require.NoError(t, err)
	assert.True(t, p.Muted)
}

func TestFateOfAChat(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.use(chat)
	a.use(-groupID)
	got := listen(t, a)

	s.On("channels.getChannels", func(*tlserver.Request) any {
		return M{"_": "messages.chats", "chats": []any{theChannel()}}
	})
	s.Push(updates(M{"_": "updateChannel", "channel_id": channelID})) // something else has changed
	require.Eventually(t, func() bool { return len(s.Calls("channels.getChannels")) == 1 }, waitFor, tick)
	s.Push(updates(M{"_": "updateChannel", "channel_id": int64(1)}))

	s.On("channels.getChannels", func(*tlserver.Request) any {
		return M{"_": "messages.chats", "chats": []any{M{"_": "channelForbidden", "id": channelID, "access_hash": int64(42)}}}
	})
	s.Push(updates(M{"_": "updateChannel", "channel_id": channelID}))
	assert.Equal(t, groupcall.ChatLost{Chat: chat}, next[groupcall.ChatLost](t, got))
	assert.Len(t, s.Calls("channels.getChannels"), 2, "chats that nobody asked for are not looked at")

	s.On("messages.getChats", func(*tlserver.Request) any {
		return M{"_": "messages.chats", "chats": []any{M{
			"_": "chat", "id": groupID, "deactivated": true,
			"migrated_to": M{"_": "inputChannel", "channel_id": channelID, "access_hash": int64(42)},
		}}}
	})
	s.Push(updates(M{"_": "updateChat", "chat_id": groupID}))
	assert.Equal(t, groupcall.ChatMigrated{From: -groupID, To: chat}, next[groupcall.ChatMigrated](t, got))

	s.Push(updates(M{"_": "updateNewMessage", "pts": 2, "pts_count": 1, "message": M{
		"_": "messageService", "id": 1, "peer_id": M{"_": "peerChat", "chat_id": groupID},
		"action": M{"_": "messageActionChatMigrateTo", "channel_id": channelID},
	}}))
	assert.Equal(t, groupcall.ChatMigrated{From: -groupID, To: chat}, next[groupcall.ChatMigrated](t, got))

	s.On("channels.getChannels", func(*tlserver.Request) any { return Error{Code: 406, Message: "CHANNEL_PRIVATE"} })
	s.Push(updates(M{"_": "updateChannel", "channel_id": channelID}))
	assert.Equal(t, groupcall.ChatLost{Chat: chat}, next[groupcall.ChatLost](t, got))
}

func TestCallThatBeginsIsFoundByItsMessage(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.use(chat)
	got := listen(t, a)
	scriptCall(s, nil)
	s.Push(updates(M{"_": "updateNewChannelMessage", "pts": 2, "pts_count": 1, "message": M{
		"_": "messageService", "id": 1, "peer_id": M{"_": "peerChannel", "channel_id": channelID},
		"action": M{"_": "messageActionGroupCall", "call": inputCall()},
	}}))
	assert.Equal(t, chat, next[groupcall.CallChanged](t, got).Call.Chat)
}

func TestEditTellsWhatItChanged(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	a.know(theCall)
	got := listen(t, a)
	s.On("phone.editGroupCallParticipant", func(*tlserver.Request) any {
		return updates(participants(5, participant(ssrc, M{"muted": true, "can_self_unmute": true})))
	})
	require.NoError(t, a.Edit(t.Context(), theCall, groupcall.Edit{Muted: ptr(true)}))
	assert.True(t, next[groupcall.MeChanged](t, got).Me.Muted)
}
