package session

import (
	"testing"
	"time"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUpdatesDoNoHarm pushes what gogram by itself panics on, or asks the server about.
func TestUpdatesDoNoHarm(t *testing.T) {
	t.Parallel()
	s := tlserver.New(t)
	s.Self(user(7, false))
	tg, err := Open(t.Context(), Config{AppID: 17, AppHash: "hash", Session: s.Session()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = Close(tg) })
	heard := make(chan string, 20)
	tg.AddMessageHandler(telegram.OnNewMessage, func(m *telegram.NewMessage) error {
		heard <- m.Message.Message
		return nil
	})
	people := []any{M{"_": "user", "id": int64(8), "access_hash": int64(9), "first_name": "Bob"}}
	groups := []any{M{
		"_": "chat", "id": int64(5), "title": "group", "photo": M{"_": "chatPhotoEmpty"},
		"participants_count": 2, "date": 1, "version": 1,
	}}
	bob, group := M{"_": "peerUser", "user_id": int64(8)}, M{"_": "peerChat", "chat_id": int64(5)}
	message := func(id int, text string, media M) M {
		m := M{"_": "message", "id": id, "from_id": bob, "peer_id": group, "date": 1, "message": text}
		if media != nil {
			m["media"] = media
		}
		return m
	}
	push := func(seq, pts int, m M) {
		s.Push(M{
			"_": "updates", "users": people, "chats": groups, "date": 1, "seq": seq,
			"updates": []any{M{"_": "updateNewMessage", "message": m, "pts": pts, "pts_count": 1}},
		})
	}
	push(1, 10, message(1, "first", nil))
	push(9, 500, message(2, "after a gap", nil))
	push(10, 501, message(3, "expired", M{"_": "messageMediaDocument", "ttl_seconds": 5}))
	push(11, 502, message(4, "empty", M{"_": "messageMediaDocument", "document": M{"_": "documentEmpty", "id": int64(1)}}))
	s.Push(M{"_": "updatesTooLong"})
	s.Push(M{"_": "updateShort", "date": 1, "update": M{"_": "updateChannelTooLong", "channel_id": int64(77), "pts": 3}})
	s.Push(M{"_": "updateShortMessage", "id": 5, "user_id": int64(8), "message": "short", "pts": 900, "pts_count": 1, "date": 1})
	s.Push(M{"_": "updateShortChatMessage", "id": 6, "from_id": int64(8), "chat_id": int64(5), "message": "short in a chat", "pts": 901, "pts_count": 1, "date": 1})
	s.Push(M{"_": "updateShort", "date": 1, "update": M{"_": "updateNewMessage", "message": message(7, "one", nil), "pts": 990, "pts_count": 1}})
	got := map[string]bool{}
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for len(got) < 7 {
		select {
		case text := <-heard:
			got[text] = true
		case <-deadline.C:
			require.Fail(t, "not all messages arrived", "%v", got)
		}
	}
	assert.True(t, got["short"] && got["short in a chat"] && got["expired"] && got["after a gap"] && got["one"])
	<-time.After(700 * time.Millisecond) // gogram waits half a second for a gap to close
	assert.Empty(t, s.Calls("updates.getDifference"))
	assert.Empty(t, s.Calls("updates.getChannelDifference"))
}
