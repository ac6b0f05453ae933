package gogram

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

func TestMessageIsSentAsItWasBuilt(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.sendMessage", func(r *Request) any {
		return updates(M{"_": "updateMessageID", "id": 42, "random_id": r.Args["random_id"]})
	})
	id, err := m.Send(t.Context(), telegram.Place{Chat: channelChat, Topic: 3, ReplyTo: 17}, telegram.Message{
		Text:     "🎧 <b>x</b> song",
		Entities: []telegram.Entity{{Kind: telegram.Bold, Offset: 3, Length: 8}, {Kind: telegram.Link, Offset: 12, Length: 4, URL: "https://a.example/"}},
		Buttons:  [][]telegram.Button{{{Text: "⏭", Data: "skip:7"}, {Text: "⏹", Data: "stop:7"}}},
		Silent:   true,
	})
	require.NoError(t, err)
	require.Equal(t, 42, id)
	sent := last(t, server, "messages.sendMessage")
	require.Equal(t, "🎧 <b>x</b> song", sent["message"])
	require.Equal(t, []any{
		M{"_": "messageEntityBold", "offset": 3, "length": 8},
		M{"_": "messageEntityTextUrl", "offset": 12, "length": 4, "url": "https://a.example/"},
	}, plain(sent["entities"]))
	require.Equal(t, M{"_": "inputReplyToMessage", "flags": 1, "reply_to_msg_id": 17, "top_msg_id": 3}, plain(sent["reply_to"]))
	require.Equal(t, M{"_": "replyInlineMarkup", "rows": []any{M{"_": "keyboardButtonRow", "buttons": []any{
		M{"_": "keyboardButtonCallback", "flags": 0, "text": "⏭", "data": []byte("skip:7")},
		M{"_": "keyboardButtonCallback", "flags": 0, "text": "⏹", "data": []byte("stop:7")},
	}}}}, plain(sent["reply_markup"]))
	require.Equal(t, true, sent["no_webpage"])
	require.Equal(t, true, sent["silent"])
	require.Equal(t, M{"_": "inputPeerChannel", "channel_id": channelBare, "access_hash": int64(0)}, sent["peer"])
	require.Positive(t, sent["random_id"])
}

// plain makes the numbers of a decoded value ints, as literals are.
func plain(v any) any {
	switch v := v.(type) {
	case M:
		out := M{}
		for k, x := range v {
			out[k] = plain(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(x)
		}
		return out
	case int32:
		return int(v)
	case uint32:
		return int(v)
	}
	return v
}

func TestMessageIDOfEachAnswer(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	own := func(id int) M { return text(groupChat, id, "card", nil) }
	for _, c := range []struct {
		name   string
		answer func(random any) any
		want   int
	}{
		{"by the random id, among others", func(random any) any {
			return updates(
				M{"_": "updateMessageID", "id": 1, "random_id": int64(1)},
				M{"_": "updateMessageID", "id": 42, "random_id": random},
				posted(own(43)))
		}, 42},
		{"short", func(any) any {
			return M{"_": "updateShortSentMessage", "out": true, "id": 42, "pts": 1, "pts_count": 1, "date": 1}
		}, 42},
		{"a message alone", func(any) any { return updates(posted(own(42))) }, 42},
		{"one update", func(random any) any {
			return M{"_": "updateShort", "update": M{"_": "updateMessageID", "id": 42, "random_id": random}, "date": 1}
		}, 42},
		{"combined", func(random any) any {
			return M{
				"_": "updatesCombined", "updates": []any{M{"_": "updateMessageID", "id": 42, "random_id": random}},
				"users": []any{}, "chats": []any{}, "date": 1, "seq_start": 0, "seq": 0,
			}
		}, 42},
		{"nothing", func(any) any { return updates() }, 0},
		{"too long", func(any) any { return M{"_": "updatesTooLong"} }, 0},
		{"a service message", func(any) any {
			return updates(posted(M{"_": "messageService", "id": 5, "peer_id": peerOf(groupChat), "date": 1, "action": M{"_": "messageActionEmpty"}}))
		}, 0},
	} {
		server.On("messages.sendMessage", func(r *Request) any { return c.answer(r.Args["random_id"]) })
		id, err := m.Send(t.Context(), telegram.Place{Chat: groupChat}, telegram.Plain("card"))
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, id, c.name)
	}
}

func TestRepeatedSendIsNoError(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.sendMessage", func(*Request) any { return tltest.Error{Code: 500, Message: "RANDOM_ID_DUPLICATE"} })
	id, err := m.Send(t.Context(), telegram.Place{Chat: groupChat}, telegram.Plain("x"))
	require.NoError(t, err)
	require.Zero(t, id)
	require.ErrorIs(t, m.Edit(t.Context(), groupChat, id, telegram.Plain("y")), telegram.ErrGone)
	require.NoError(t, m.Delete(t.Context(), groupChat, id))
	require.Empty(t, server.Calls("messages.editMessage"))
	require.Empty(t, server.Calls("messages.deleteMessages"))
}

func TestCutConnectionPostsOnce(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	had := make(chan any, 10)
	server.On("messages.sendMessage", func(r *Request) any {
		had <- r.Args["random_id"]
		if len(had) == 1 {
			r.Cut() // posted, and the answer is lost
		}
		return tltest.Error{Code: 500, Message: "RANDOM_ID_DUPLICATE"}
	})
	_, err := m.Send(t.Context(), telegram.Place{Chat: groupChat}, telegram.Plain("x"))
	require.NoError(t, err)
	require.Len(t, had, 2)
	first := <-had
	require.Equal(t, first, <-had, "by this Telegram knows the repetition")
}

func TestReplyToADeletedMessageIsStillSent(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.sendMessage", func(r *Request) any {
		if r.Args["reply_to"].(M)["top_msg_id"] != nil {
			return tltest.Error{Code: 400, Message: "REPLY_MESSAGE_ID_INVALID"}
		}
		return M{"_": "updateShortSentMessage", "id": 42, "pts": 1, "pts_count": 1, "date": 1}
	})
	id, err := m.Send(t.Context(), telegram.Place{Chat: channelChat, Topic: 3, ReplyTo: 17}, telegram.Plain("x"))
	require.NoError(t, err)
	require.Equal(t, 42, id)
	require.Equal(t, M{"_": "inputReplyToMessage", "flags": 0, "reply_to_msg_id": 3}, plain(last(t, server, "messages.sendMessage")["reply_to"]))
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	for name, want := range map[string]error{
		"MESSAGE_NOT_MODIFIED":  groupcall.ErrNotModified,
		"MESSAGE_ID_INVALID":    telegram.ErrGone,
		"CHAT_WRITE_FORBIDDEN":  groupcall.ErrNotAllowed,
		"CHANNEL_PRIVATE":       groupcall.ErrNotInChat,
		"SESSION_REVOKED":       groupcall.ErrAccountDead,
		"FROZEN_METHOD_INVALID": groupcall.ErrFrozen,
	} {
		server.On("messages.editMessage", func(*Request) any { return tltest.Error{Code: 400, Message: name} })
		err := m.Edit(t.Context(), groupChat, 1, telegram.Plain("x"))
		require.ErrorIs(t, err, want, name)
		require.ErrorContains(t, err, name)
	}
	for name, want := range map[string]time.Duration{
		"FLOOD_WAIT_33": 33 * time.Second, "FLOOD_PREMIUM_WAIT_7": 7 * time.Second, "SLOWMODE_WAIT_9": 9 * time.Second,
	} {
		server.On("messages.editMessage", func(*Request) any { return tltest.Error{Code: 420, Message: name} })
		var flood *groupcall.Flood
		require.ErrorAs(t, m.Edit(t.Context(), groupChat, 1, telegram.Plain("x")), &flood, name)
		require.Equal(t, want, flood.Wait, name)
	}
}

func TestUserAccountSendsNoButtons(t *testing.T) {
	t.Parallel()
	server, m := connected(t, false)
	server.On("messages.sendMessage", func(*Request) any {
		return M{"_": "updateShortSentMessage", "id": 42, "pts": 1, "pts_count": 1, "date": 1}
	})
	_, err := m.Send(t.Context(), telegram.Place{Chat: groupChat}, telegram.Message{
		Text: "x", Buttons: [][]telegram.Button{{{Text: "⏭", Data: "skip"}}},
	})
	require.NoError(t, err)
	require.Nil(t, last(t, server, "messages.sendMessage")["reply_markup"])
	require.NoError(t, m.Menu(t.Context(), []telegram.MenuEntry{{Command: "play", Description: "Play"}}))
	_, err = m.Send(t.Context(), telegram.Place{Chat: channels - 77}, telegram.Plain("x"))
	require.ErrorIs(t, err, groupcall.ErrNotInChat, "a chat that it never saw")
}

func TestButtonsAreAnsweredAndMenuIsSet(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	server.On("messages.setBotCallbackAnswer", func(r *Request) any {
		if r.Args["query_id"] == int64(2) {
			return tltest.Error{Code: 400, Message: "QUERY_ID_INVALID"}
		}
		return true
	})
	server.On("bots.setBotCommands", func(*Request) any { return true })
	require.NoError(t, m.Answer(t.Context(), 1, "this is an old card", true))
	require.Equal(t, M{"_": "messages.setBotCallbackAnswer", "flags": 3, "alert": true, "query_id": int64(1), "message": "this is an old card", "cache_time": 0},
		plain(last(t, server, "messages.setBotCallbackAnswer")))
	require.NoError(t, m.Answer(t.Context(), 1, "", false))
	require.Nil(t, last(t, server, "messages.setBotCallbackAnswer")["message"])
	require.NoError(t, m.Answer(t.Context(), 2, "x", false), "too late is no error")
	require.NoError(t, m.Menu(t.Context(), []telegram.MenuEntry{{Command: "play", Description: "Play a song"}}))
	require.Equal(t, []any{M{"_": "botCommand", "command": "play", "description": "Play a song"}}, last(t, server, "bots.setBotCommands")["commands"])
}

func TestDelete(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	gone := tltest.Error{Code: 400, Message: "MESSAGE_ID_INVALID"}
	server.On("channels.deleteMessages", func(*Request) any { return gone })
	server.On("messages.deleteMessages", func(*Request) any {
		return M{"_": "messages.affectedMessages", "pts": 1, "pts_count": 1}
	})
	require.NoError(t, m.Delete(t.Context(), channelChat, 1, 2))
	require.NoError(t, m.Delete(t.Context(), groupChat, 3))
	require.Equal(t, []any{1, 2}, plain(last(t, server, "channels.deleteMessages")["id"]))
	require.Equal(t, true, last(t, server, "messages.deleteMessages")["revoke"])
}
