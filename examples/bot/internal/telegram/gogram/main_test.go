package gogram

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/adapters/gogram/session"
	"github.com/gotgcall/gotgcall/adapters/gogram/tltest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// What gogram leaves running: for the life of the program, once per client, and what it
// asks about a message when the client is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).monitorNoUpdatesTimeout"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ExSenders).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect"), // of a client that reconnects, 10 s
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).Disconnect.func1"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram.(*MTProto).sendPacketWithMsgID.func1"), // of an ack that failed
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*ContextStore).cleanupLoop"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*CACHE).UpdatePeersToCache.func2"), // a second
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).handleMessageUpdate"),
		goleak.IgnoreAnyFunction("github.com/amarnathcjd/gogram/telegram.(*Client).handleCallbackUpdate"),
	)
}

type (
	M       = tltest.M
	Request = tltest.Request
)

// Who and where, in every test.
const (
	selfID, aliceID, assistantID = int64(100), int64(7), int64(200)
	channelBare, groupBare       = int64(1234567890), int64(55)
	channelChat                  = channels - channelBare
	groupChat                    = -groupBare
)

// connected returns the messenger of a bot or of a user account, and its server.
func connected(t *testing.T, bot bool) (*tltest.Server, *Messenger) {
	t.Helper()
	server := tltest.New(t)
	self := M{"_": "user", "self": true, "id": selfID, "access_hash": int64(1), "first_name": "Music", "username": "MusicBot"}
	if bot {
		self["bot"], self["bot_info_version"] = true, 1
	}
	server.Self(self)
	server.On("users.getUsers", func(*Request) any { return []any{alice()} })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	tg, err := session.Open(t.Context(), session.Config{
		AppID: 1, AppHash: "x", Session: server.Session(), Name: t.Name(), Logger: log, Address: server.Addr(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close(tg) })
	m, err := New(tg, log)
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return server, m
}

func alice() M {
	return M{"_": "user", "id": aliceID, "access_hash": int64(70), "first_name": "Alice", "last_name": "A."}
}

func group() M {
	return M{
		"_": "chat", "id": groupBare, "title": "group", "photo": M{"_": "chatPhotoEmpty"},
		"participants_count": 3, "date": 1, "version": 1,
	}
}

func supergroup() M {
	return M{
		"_": "channel", "id": channelBare, "access_hash": int64(9), "title": "supergroup",
		"megagroup": true, "photo": M{"_": "chatPhotoEmpty"}, "date": 1,
	}
}

func updates(list ...any) M {
	return M{
		"_": "updates", "updates": list, "users": []any{alice()}, "chats": []any{group(), supergroup()},
		"date": int(time.Now().Unix()), "seq": 0,
	}
}

func peerOf(chat int64) M {
	if id, ok := channelID(chat); ok {
		return M{"_": "peerChannel", "channel_id": id}
	}
	if chat < 0 {
		return M{"_": "peerChat", "chat_id": -chat}
	}
	return M{"_": "peerUser", "user_id": chat}
}

// text is a message of Alice's, changed by fields; nil removes one.
func text(chat int64, id int, words string, fields M) M {
	m := M{
		"_": "message", "id": id, "peer_id": peerOf(chat), "from_id": peerOf(aliceID),
		"date": int(time.Now().Unix()), "message": words,
	}
	for k, v := range fields {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return m
}

func posted(msg M) M {
	if msg["peer_id"].(M)["_"] == "peerChannel" {
		return M{"_": "updateNewChannelMessage", "message": msg, "pts": 0, "pts_count": 0}
	}
	return M{"_": "updateNewMessage", "message": msg, "pts": 0, "pts_count": 0}
}

// listening returns what the messenger hears from now on.
func listening(t *testing.T, m *Messenger) <-chan telegram.Update {
	t.Helper()
	heard := make(chan telegram.Update, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ready := make(chan struct{})
	go func() { done <- m.listen(ctx, func(u telegram.Update) { heard <- u }, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	return heard
}

// next returns the next update of a type; others are skipped.
func next[T telegram.Update](t *testing.T, heard <-chan telegram.Update) T {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case u := <-heard:
			if u, ok := u.(T); ok {
				return u
			}
		case <-deadline.C:
			var want T
			require.Fail(t, "nothing heard", "want %T", want)
		}
	}
}

func last(t *testing.T, server *tltest.Server, method string) M {
	t.Helper()
	calls := server.Calls(method)
	require.NotEmpty(t, calls, method)
	return calls[len(calls)-1].Args
}
