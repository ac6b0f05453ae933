package chattest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

func TestACardIsReadAsAUserReadsIt(t *testing.T) {
	t.Parallel()
	inTelegram(t, func(t *testing.T, tg *chattest.Telegram, chat *chattest.Chat) {
		m := new(telegram.Text).Add("▶️ ").Title("Song 🎧", "https://example.org").
			Add(" — Artist\n1:01:23 ━━━●── 2:04:05\n🎧 requested by Ann · next: Other · 7 in queue").Message()
		m.Buttons = [][]telegram.Button{{{Text: "⏭", Data: "skip"}}}
		_, err := tg.Session().Send(t.Context(), telegram.Place{Chat: chat.ID()}, m)
		require.NoError(t, err)
		card, ok := chat.Card()
		require.True(t, ok)
		card.Message = chattest.Message{}
		require.Equal(t, chattest.Card{
			State: chattest.Playing, Title: "Song 🎧", Link: "https://example.org", Artist: "Artist",
			Position: time.Hour + time.Minute + 23*time.Second, Length: 2*time.Hour + 4*time.Minute + 5*time.Second,
			By: "Ann", Next: "Other", InQueue: 7, Buttons: []string{"⏭"},
		}, card)
	})
}
