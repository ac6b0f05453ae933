package gogramcalls

import (
	"testing"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInvitesAreTelegramsOwn(t *testing.T) {
	t.Parallel()
	for invite, want := range map[string][2]string{
		"https://t.me/+AbC_d-1":                {"AbC_d-1", ""},
		"http://t.me/joinchat/AbC":             {"AbC", ""},
		"t.me/+AbC":                            {"AbC", ""},
		"tg://join?invite=AbC":                 {"AbC", ""},
		"@music":                               {"", "music"},
		"https://t.me/music":                   {"", "music"},
		"https://telegram.me/music/":           {"", "music"},
		"tg://resolve?domain=music":            {"", "music"},
		"https://evil.example/+AbC":            {},
		"https://t.me/music/12":                {},
		"https://t.me.evil.example/joinchat/A": {},
		"@../x":                                {},
		"":                                     {},
		"%":                                    {},
	} {
		hash, name := parseInvite(invite)
		assert.Equal(t, want, [2]string{hash, name}, invite)
	}
}

func TestChatIsJoinedByInviteOrName(t *testing.T) {
	t.Parallel()
	s, a := newTestAccount(t)
	s.On("messages.importChatInvite", func(r *tlserver.Request) any {
		switch r.Args["hash"] {
		case "in":
			return Error{Code: 400, Message: "USER_ALREADY_PARTICIPANT"}
		case "asks":
			return Error{Code: 400, Message: "INVITE_REQUEST_SENT"}
		}
		return updates()
	})
	require.NoError(t, a.JoinChat(t.Context(), "https://t.me/+new"))
	require.NoError(t, a.JoinChat(t.Context(), "https://t.me/+in"))
	require.ErrorIs(t, a.JoinChat(t.Context(), "https://t.me/+asks"), groupcall.ErrJoinRequested)
	require.ErrorIs(t, a.JoinChat(t.Context(), "https://example.com/"), groupcall.ErrInvite)

	other := theChannel()
	other["id"], other["access_hash"] = channelID+5, int64(50)
	s.On("contacts.resolveUsername", func(*tlserver.Request) any {
		return M{
			"_": "contacts.resolvedPeer", "peer": M{"_": "peerChannel", "channel_id": channelID + 5},
			"chats": []any{other},
		}
	})
	s.On("channels.joinChannel", func(*tlserver.Request) any { return updates() })
	require.NoError(t, a.JoinChat(t.Context(), "@music"))
	assert.Equal(t, M{"_": "inputChannel", "channel_id": channelID + 5, "access_hash": int64(50)},
		s.Calls("channels.joinChannel")[0].Args["channel"])
}
