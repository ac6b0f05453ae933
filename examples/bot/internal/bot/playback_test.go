package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

func admin1(r *rig, name string) *chattest.User {
	u := r.chat.User(name)
	r.chat.SetRole(u.User, telegramtest.Admin)
	return u
}

func TestTracksPlayOneAfterAnother(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := admin1(r, "Ann")
		ann.Says("/play a 30")
		ann.Says("/play b 30")
		r.after(5 * time.Second)
		card := r.card()
		require.Equal(t, chattest.Playing, card.State)
		require.Equal(t, "a", card.Title)
		require.Equal(t, "Ann", card.By)
		require.Equal(t, "b", card.Next)
		require.Equal(t, 30*time.Second, card.Length)
		r.after(30 * time.Second)
		require.Equal(t, "b", r.card().Title)
		require.Equal(t, []string{"a", "b"}, r.stage.heard(r.chat.ID()))
		r.after(35 * time.Second)
		require.Contains(t, r.last().Text, "The queue has ended")
		require.True(t, r.stage.look(r.chat.ID()).in)
		r.after(3 * time.Minute)
		require.False(t, r.stage.look(r.chat.ID()).in)
		for _, text := range r.shown() {
			t.Log(text)
		}
	})
}
