package gogram

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

func TestCommandIsHeard(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	sent := time.Now().Unix()
	server.Push(updates(posted(text(channelChat, 5, "/play@MusicBot\nnever gonna", M{"date": int(sent)}))))
	require.Equal(t, telegram.Command{
		Place: telegram.Place{Chat: channelChat, ReplyTo: 5},
		From:  track.User{ID: aliceID, Name: "Alice A."},
		Text:  "/play@MusicBot\nnever gonna",
		Date:  time.Unix(sent, 0),
	}, next[telegram.Command](t, heard))

	server.Push(updates(posted(text(aliceID, 6, "/start", M{"from_id": nil}))))
	c := next[telegram.Command](t, heard)
	require.True(t, c.Private)
	require.Equal(t, aliceID, c.Chat)
	require.Equal(t, aliceID, c.From.ID)

	combined := updates(posted(text(groupChat, 7, "/skip", nil)), posted(text(groupChat, 8, "/stop", nil)))
	combined["_"], combined["seq_start"], combined["seq"] = "updatesCombined", 1, 1
	server.Push(combined)
	got := map[string]bool{next[telegram.Command](t, heard).Text: true, next[telegram.Command](t, heard).Text: true}
	require.Equal(t, map[string]bool{"/skip": true, "/stop": true}, got)
}

// TestOtherMessagesAreNoCommands pushes what is to be ignored, then a command.
func TestOtherMessagesAreNoCommands(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	otherBot := M{"_": "user", "id": int64(300), "access_hash": int64(3), "first_name": "Other", "bot": true, "bot_info_version": 1}
	batch := updates(
		posted(text(groupChat, 1, "/play@OtherBot x", nil)),
		posted(text(groupChat, 2, "hello", nil)),
		posted(text(groupChat, 3, "/etc/passwd", nil)),
		posted(text(groupChat, 4, "/play forwarded", M{"fwd_from": M{"_": "messageFwdHeader", "date": 1, "from_id": peerOf(aliceID)}})),
		posted(text(groupChat, 5, "/play inline", M{"via_bot_id": int64(300)})),
		posted(text(groupChat, 6, "/play by a bot", M{"from_id": peerOf(300)})),
		M{"_": "updateEditMessage", "message": text(groupChat, 7, "/play edited", M{"edit_date": 2}), "pts": 0, "pts_count": 0},
	)
	batch["users"] = []any{alice(), otherBot}
	server.Push(batch)
	server.Push(updates(posted(text(groupChat, 9, "/skip", nil))))
	require.Equal(t, "/skip", next[telegram.Command](t, heard).Text)
	select {
	case u := <-heard:
		require.Fail(t, "not a command", "%+v", u)
	default:
	}
}

func TestWhoSendsInAnothersName(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	server.Push(updates(posted(text(channelChat, 1, "/skip", M{"from_id": peerOf(channelChat), "post_author": "boss"}))))
	c := next[telegram.Command](t, heard)
	require.True(t, c.Anonymous, "an anonymous admin")
	require.Equal(t, track.User{ID: channelChat, Name: "boss"}, c.From)

	linked := int64(channels - 777)
	server.Push(updates(posted(text(channelChat, 2, "/skip", M{"from_id": peerOf(linked)}))))
	c = next[telegram.Command](t, heard)
	require.False(t, c.Anonymous, "another channel is no admin")
	require.Equal(t, linked, c.From.ID)

	server.Push(updates(posted(text(channelChat, 3, "/live", M{"from_id": nil, "post": true}))))
	c = next[telegram.Command](t, heard)
	require.True(t, c.Anonymous, "only admins post in a channel")
}

func TestForumTopicIsKept(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	server.On("channels.getMessages", func(*Request) any {
		return M{"_": "messages.messages", "messages": []any{}, "topics": []any{}, "chats": []any{}, "users": []any{}}
	})
	server.Push(updates(posted(text(channelChat, 20, "/now", M{
		"reply_to": M{"_": "messageReplyHeader", "forum_topic": true, "reply_to_msg_id": 3},
	}))))
	require.Equal(t, telegram.Place{Chat: channelChat, Topic: 3, ReplyTo: 20}, next[telegram.Command](t, heard).Place)
	require.Empty(t, server.Calls("channels.getMessages"), "the topic's first message is not replied to")
	server.Push(updates(posted(text(channelChat, 21, "/now", M{
		"reply_to": M{"_": "messageReplyHeader", "forum_topic": true, "reply_to_msg_id": 9, "reply_to_top_id": 3},
	}))))
	require.Equal(t, telegram.Place{Chat: channelChat, Topic: 3, ReplyTo: 21}, next[telegram.Command](t, heard).Place)
	require.Len(t, server.Calls("channels.getMessages"), 2, "by the reply, then by its id")
}

// song is the media of a message.
func song(id int64, size int, attributes ...any) M {
	return M{"_": "messageMediaDocument", "document": M{
		"_": "document", "id": id, "access_hash": int64(5), "file_reference": []byte("ref"), "date": 1,
		"mime_type": "audio/mpeg", "size": int64(size), "dc_id": 4, "attributes": attributes,
	}}
}

func TestMediaOfReplyAndOfCaption(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	file := song(88, 1234,
		M{"_": "documentAttributeFilename", "file_name": "../../x.mp3"},
		M{"_": "documentAttributeAudio", "duration": 61, "title": "Tone", "performer": "Sine"})
	server.On("messages.getMessages", func(r *Request) any {
		require.Equal(t, []any{M{"_": "inputMessageReplyTo", "id": 31}}, r.Args["id"])
		return M{"_": "messages.messages", "topics": []any{}, "chats": []any{}, "users": []any{}, "messages": []any{
			text(groupChat, 30, "", M{"media": file}),
		}}
	})
	server.Push(updates(posted(text(groupChat, 31, "/play", M{"reply_to": M{"_": "messageReplyHeader", "reply_to_msg_id": 30}}))))
	c := next[telegram.Command](t, heard)
	require.Equal(t, &track.Media{Chat: groupChat, Message: 30, ID: 88, Name: "../../x.mp3", MIME: "audio/mpeg", Size: 1234}, c.Reply)
	require.Equal(t, telegram.MediaInfo{Title: "Tone", Artist: "Sine", Length: 61 * time.Second}, c.ReplyInfo)

	server.Push(updates(posted(text(groupChat, 32, "/play", M{"media": song(89, 1, M{"_": "documentAttributeVideo", "duration": math.Inf(1), "w": 1, "h": 1})}))))
	c = next[telegram.Command](t, heard)
	require.Equal(t, int64(89), c.Reply.ID)
	require.Equal(t, telegram.MediaInfo{Video: true}, c.ReplyInfo, "no length makes sense")

	once := song(90, 1)
	once["ttl_seconds"] = 10
	server.Push(updates(posted(text(groupChat, 33, "/play", M{"media": once}))))
	require.Nil(t, next[telegram.Command](t, heard).Reply, "it destroys itself")
}

func TestPressIsHeardWithAName(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	server.Push(updates(M{
		"_": "updateBotCallbackQuery", "query_id": int64(11), "user_id": aliceID, "peer": peerOf(channelChat), "msg_id": 4,
		"chat_instance": int64(1), "data": []byte("skip:1"),
	}))
	require.Equal(t, telegram.Press{
		Query: 11, Chat: channelChat, Message: 4, From: track.User{ID: aliceID, Name: "Alice A."}, Data: "skip:1",
	}, next[telegram.Press](t, heard))
}

func TestChangesOfTheChatAreHeard(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	participant := func(user int64, now any) M {
		u := M{"_": "updateChannelParticipant", "channel_id": channelBare, "date": 1, "actor_id": aliceID, "user_id": user, "qts": 1}
		if now != nil {
			u["new_participant"] = now
		}
		return u
	}
	server.Push(updates(participant(aliceID, M{"_": "channelParticipant", "user_id": aliceID, "date": 1})))
	require.Equal(t, telegram.RoleChanged{Chat: channelChat, User: aliceID}, next[telegram.RoleChanged](t, heard))
	server.Push(updates(participant(selfID, nil)))
	require.Equal(t, telegram.ChatGone{Chat: channelChat}, next[telegram.ChatGone](t, heard))
	server.Push(updates(M{"_": "updateChatParticipantAdmin", "chat_id": groupBare, "user_id": aliceID, "is_admin": true, "version": 1}))
	require.Equal(t, telegram.RoleChanged{Chat: groupChat, User: aliceID}, next[telegram.RoleChanged](t, heard))

	service := func(id int, action M) M {
		return posted(M{"_": "messageService", "id": id, "peer_id": peerOf(groupChat), "from_id": peerOf(aliceID), "date": 1, "action": action})
	}
	server.Push(updates(service(50, M{"_": "messageActionChatMigrateTo", "channel_id": channelBare})))
	require.Equal(t, telegram.ChatMoved{From: groupChat, To: channelChat}, next[telegram.ChatMoved](t, heard))
	server.Push(updates(service(51, M{"_": "messageActionChatDeleteUser", "user_id": selfID})))
	require.Equal(t, telegram.ChatGone{Chat: groupChat}, next[telegram.ChatGone](t, heard))

	server.On("channels.getChannels", func(*Request) any { return tltest.Error{Code: 400, Message: "CHANNEL_PRIVATE"} })
	server.Push(updates(M{"_": "updateChannel", "channel_id": channelBare}))
	require.Equal(t, telegram.ChatGone{Chat: channelChat}, next[telegram.ChatGone](t, heard))
	server.On("messages.getChats", func(*Request) any {
		g := group()
		g["deactivated"], g["migrated_to"] = true, M{"_": "inputChannel", "channel_id": channelBare, "access_hash": int64(9)}
		return M{"_": "messages.chats", "chats": []any{g}}
	})
	server.Push(updates(M{"_": "updateChat", "chat_id": groupBare}))
	require.Equal(t, telegram.ChatMoved{From: groupChat, To: channelChat}, next[telegram.ChatMoved](t, heard))
}

func TestUserAccountObeysInGroupsOnly(t *testing.T) {
	t.Parallel()
	server, m := connected(t, false)
	heard := listening(t, m)
	server.On("messages.sendMessage", func(*Request) any {
		return M{"_": "updateShortSentMessage", "id": 60, "pts": 1, "pts_count": 1, "date": 1}
	})
	_, err := m.Send(t.Context(), telegram.Place{Chat: groupChat}, telegram.Plain("/play is a command"))
	require.NoError(t, err)
	server.Push(updates(
		posted(text(aliceID, 58, "/play private", nil)),
		posted(text(channelChat, 59, "/play a post", M{"post": true, "from_id": nil})),
		posted(text(groupChat, 60, "/play is a command", M{"out": true, "from_id": peerOf(selfID)})),
	))
	server.Push(updates(posted(text(groupChat, 61, "/play", M{"out": true, "from_id": peerOf(selfID)}))))
	c := next[telegram.Command](t, heard)
	require.Equal(t, 61, c.ReplyTo, "typed on the account's own phone")
	require.Equal(t, selfID, c.From.ID)
	select {
	case u := <-heard:
		require.Fail(t, "not a command", "%+v", u)
	default:
	}
}

func TestListenEndsWithItsContextAndLetsGo(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	for range 2 {
		t.Run("again", func(t *testing.T) {
			heard := listening(t, m)
			server.Push(updates(M{"_": "updateChatParticipantAdmin", "chat_id": groupBare, "user_id": aliceID, "is_admin": true, "version": 1}))
			next[telegram.RoleChanged](t, heard)
			require.Empty(t, heard)
		})
	}
}

// TestStrangeMessagesAreSurvived pushes what is rare, or what a server of tomorrow may
// send.
func TestStrangeMessagesAreSurvived(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	odd := []M{
		{"media": M{"_": "messageMediaEmpty"}},
		{"media": M{"_": "messageMediaUnsupported"}},
		{"media": M{"_": "messageMediaDocument"}},
		{"media": M{"_": "messageMediaDocument", "document": M{"_": "documentEmpty", "id": int64(1)}}},
		{"media": M{"_": "messageMediaPhoto"}},
		{"media": M{"_": "messageMediaDice", "value": 6, "emoticon": "🎲"}},
		{"media": M{"_": "messageMediaGeo", "geo": M{"_": "geoPointEmpty"}}},
		{"media": M{"_": "messageMediaContact", "phone_number": "1", "first_name": "", "last_name": "", "vcard": "", "user_id": int64(1)}},
		{"media": song(5, 0)},
		{"media": song(6, -1, M{"_": "documentAttributeAudio", "duration": -1}, M{"_": "documentAttributeAnimated"})},
		{"reply_to": M{"_": "messageReplyStoryHeader", "peer": peerOf(aliceID), "story_id": 3}},
		{"reply_to": M{"_": "messageReplyHeader"}},
		{"reply_to": M{"_": "messageReplyHeader", "reply_to_msg_id": 4, "reply_to_peer_id": peerOf(channelChat)}},
		{"from_id": nil},
		{"grouped_id": int64(77)},
	}
	for i, fields := range odd {
		server.Push(updates(posted(text(groupChat, 100+i, "/now", fields))))
	}
	server.Push(updates(
		posted(M{"_": "messageEmpty", "id": 200, "peer_id": peerOf(groupChat)}),
		posted(M{"_": "messageService", "id": 201, "peer_id": peerOf(groupChat), "date": 1, "action": M{"_": "messageActionEmpty"}}),
		M{"_": "updateBotCallbackQuery", "query_id": int64(1), "user_id": aliceID, "peer": peerOf(groupChat), "msg_id": 1, "chat_instance": int64(1)},
	))
	for range odd {
		c := next[telegram.Command](t, heard)
		require.GreaterOrEqual(t, c.ReplyInfo.Length, time.Duration(0))
		if c.Reply != nil {
			require.Contains(t, []int64{5, 6}, c.Reply.ID)
		}
	}
}

func TestListenGoesOnAfterACut(t *testing.T) {
	t.Parallel()
	server, m := connected(t, true)
	heard := listening(t, m)
	server.Push(updates(posted(text(groupChat, 1, "/now", nil))))
	next[telegram.Command](t, heard)
	before := server.Accepted()
	server.Cut()
	for id := 2; len(heard) == 0; id++ { // gogram takes ten seconds to connect again
		server.Push(updates(posted(text(groupChat, id, "/skip", nil))))
		<-time.After(200 * time.Millisecond)
	}
	require.Equal(t, "/skip", next[telegram.Command](t, heard).Text)
	require.Greater(t, server.Accepted(), before)
}
