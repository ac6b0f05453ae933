package gogram

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

func TestRoleInSupergroup(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	admin := func(rights M) M {
		rights["_"] = "chatAdminRights"
		return M{"_": "channelParticipantAdmin", "user_id": aliceID, "promoted_by": selfID, "date": 1, "admin_rights": rights}
	}
	banned := func(left bool, rights M) M {
		rights["_"], rights["until_date"] = "chatBannedRights", 0
		p := M{"_": "channelParticipantBanned", "peer": peerOf(aliceID), "kicked_by": selfID, "date": 1, "banned_rights": rights}
		if left {
			p["left"] = true
		}
		return p
	}
	for _, c := range []struct {
		name        string
		participant M
		want        telegram.Role
	}{
		{"owner", M{"_": "channelParticipantCreator", "user_id": aliceID, "admin_rights": M{"_": "chatAdminRights"}}, telegram.Owner},
		{"admin of calls", admin(M{"manage_call": true}), telegram.CallAdmin},
		{"another admin", admin(M{"delete_messages": true}), telegram.Admin},
		{"member", M{"_": "channelParticipant", "user_id": aliceID, "date": 1}, telegram.Member},
		{"may not write", banned(false, M{"send_messages": true}), telegram.Member},
		{"banned", banned(true, M{"view_messages": true}), telegram.Stranger},
		{"has left", M{"_": "channelParticipantLeft", "peer": peerOf(aliceID)}, telegram.Stranger},
	} {
		server.On("channels.getParticipant", func(*Request) any {
			return M{"_": "channels.channelParticipant", "participant": c.participant, "chats": []any{supergroup()}, "users": []any{alice()}}
		})
		role, err := m.Role(t.Context(), channelChat, aliceID)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, role, c.name)
	}
	server.On("channels.getParticipant", func(*Request) any { return tltest.Error{Code: 400, Message: "USER_NOT_PARTICIPANT"} })
	role, err := m.Role(t.Context(), channelChat, aliceID)
	require.NoError(t, err)
	require.Equal(t, telegram.Stranger, role)

	server.On("channels.getParticipant", func(*Request) any { return tltest.Error{Code: 400, Message: "CHANNEL_PRIVATE"} })
	_, err = m.Role(t.Context(), channelChat, aliceID)
	require.ErrorIs(t, err, groupcall.ErrNotInChat)

	role, err = m.Role(t.Context(), channelChat, channels-777)
	require.NoError(t, err)
	require.Equal(t, telegram.Member, role, "somebody who writes in a channel's name")
}

func TestRoleInBasicGroup(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.getFullChat", func(*Request) any {
		return fullGroup(
			M{"_": "chatParticipantCreator", "user_id": int64(1)},
			M{"_": "chatParticipantAdmin", "user_id": int64(2), "inviter_id": int64(1), "date": 1},
			M{"_": "chatParticipant", "user_id": int64(3), "inviter_id": int64(1), "date": 1},
		)
	})
	for user, want := range map[int64]telegram.Role{1: telegram.Owner, 2: telegram.CallAdmin, 3: telegram.Member, 4: telegram.Stranger} {
		role, err := m.Role(t.Context(), groupChat, user)
		require.NoError(t, err)
		require.Equal(t, want, role, user)
	}
	server.On("messages.getFullChat", func(*Request) any { return fullGroup() })
	_, err := m.Role(t.Context(), groupChat, 1)
	require.ErrorIs(t, err, groupcall.ErrNotInChat)
}

// fullGroup is a basic group; without participants the account is out of it.
func fullGroup(participants ...any) M {
	list := M{"_": "chatParticipants", "chat_id": groupBare, "participants": participants, "version": 1}
	if len(participants) == 0 {
		list = M{"_": "chatParticipantsForbidden", "chat_id": groupBare}
	}
	return M{
		"_": "messages.chatFull", "chats": []any{group()}, "users": []any{alice()},
		"full_chat": M{"_": "chatFull", "id": groupBare, "about": "", "participants": list, "notify_settings": M{"_": "peerNotifySettings"}},
	}
}

func TestInviteToSupergroup(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	stranger := tltest.Error{Code: 400, Message: "USER_NOT_PARTICIPANT"}
	noRequest := tltest.Error{Code: 400, Message: "HIDE_REQUESTER_MISSING"}
	chat := supergroup()
	server.On("channels.getParticipant", func(*Request) any { return stranger })
	server.On("messages.hideChatJoinRequest", func(*Request) any { return noRequest })
	server.On("channels.getChannels", func(*Request) any { return M{"_": "messages.chats", "chats": []any{chat}} })
	server.On("messages.exportChatInvite", func(*Request) any {
		return M{"_": "chatInviteExported", "link": "https://t.me/+secret", "admin_id": selfID, "date": 1}
	})

	link, err := m.Invite(t.Context(), channelChat, assistantID)
	require.NoError(t, err)
	require.Equal(t, "https://t.me/+secret", link)
	exported := last(t, server, "messages.exportChatInvite")
	require.Equal(t, 1, exported["usage_limit"], "the link is of no use to others")
	require.NotZero(t, exported["expire_date"])
	require.Nil(t, exported["request_needed"])
	require.Empty(t, server.Calls("channels.editBanned"))

	chat["username"] = "publicgroup"
	link, err = m.Invite(t.Context(), channelChat, assistantID)
	require.NoError(t, err)
	require.Equal(t, "@publicgroup", link)

	server.On("messages.hideChatJoinRequest", func(*Request) any { return updates() })
	link, err = m.Invite(t.Context(), channelChat, assistantID)
	require.NoError(t, err)
	require.Empty(t, link, "it had asked to join, and is in now")
	require.Equal(t, true, last(t, server, "messages.hideChatJoinRequest")["approved"])

	server.On("channels.getParticipant", func(*Request) any {
		return M{"_": "channels.channelParticipant", "chats": []any{}, "users": []any{}, "participant": M{
			"_": "channelParticipantBanned", "left": true, "peer": peerOf(assistantID), "kicked_by": aliceID, "date": 1,
			"banned_rights": M{"_": "chatBannedRights", "view_messages": true, "until_date": 0},
		}}
	})
	server.On("messages.hideChatJoinRequest", func(*Request) any { return noRequest })
	server.On("channels.editBanned", func(*Request) any { return updates() })
	link, err = m.Invite(t.Context(), channelChat, assistantID)
	require.NoError(t, err)
	require.Equal(t, "@publicgroup", link)
	require.Equal(t, 0, last(t, server, "channels.editBanned")["banned_rights"].(M)["flags"], "no right is taken")

	server.On("channels.editBanned", func(*Request) any { return tltest.Error{Code: 400, Message: "CHAT_ADMIN_REQUIRED"} })
	_, err = m.Invite(t.Context(), channelChat, assistantID)
	require.ErrorIs(t, err, groupcall.ErrNotAllowed)

	server.On("channels.getParticipant", func(*Request) any {
		return M{"_": "channels.channelParticipant", "chats": []any{}, "users": []any{}, "participant": M{"_": "channelParticipant", "user_id": assistantID, "date": 1}}
	})
	link, err = m.Invite(t.Context(), channelChat, assistantID)
	require.NoError(t, err)
	require.Empty(t, link, "it is in")
}

func TestInviteToBasicGroup(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.getFullChat", func(*Request) any {
		return fullGroup(M{"_": "chatParticipantCreator", "user_id": int64(1)})
	})
	server.On("messages.hideChatJoinRequest", func(*Request) any { return tltest.Error{Code: 400, Message: "HIDE_REQUESTER_MISSING"} })
	missing := []any{}
	server.On("messages.addChatUser", func(*Request) any {
		return M{"_": "messages.invitedUsers", "updates": updates(), "missing_invitees": missing}
	})
	link, err := m.Invite(t.Context(), groupChat, assistantID)
	require.NoError(t, err)
	require.Empty(t, link)

	missing = []any{M{"_": "missingInvitee", "user_id": assistantID}}
	server.On("messages.exportChatInvite", func(*Request) any {
		return M{"_": "chatInviteExported", "link": "https://t.me/+secret", "admin_id": selfID, "date": 1}
	})
	link, err = m.Invite(t.Context(), groupChat, assistantID)
	require.NoError(t, err)
	require.Equal(t, "https://t.me/+secret", link)

	server.On("messages.exportChatInvite", func(*Request) any { return tltest.Error{Code: 400, Message: "CHAT_ADMIN_REQUIRED"} })
	_, err = m.Invite(t.Context(), groupChat, assistantID)
	require.ErrorIs(t, err, groupcall.ErrNotAllowed)
}
