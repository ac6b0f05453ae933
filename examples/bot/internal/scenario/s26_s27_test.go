package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// One user's flood and the clicks of many cost others nothing.
func TestScenario26_Flood(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann, mad := chat.User("Ann"), chat.User("Mad")
		s.play(ann, s.sine("Song", time.Minute, 440))
		s.hears(call, 440)
		card, err := chat.AwaitPlaying(s.ctx, "Song")
		require.NoError(t, err)

		var clickers []*chattest.User
		for i := range 20 {
			clickers = append(clickers, chat.User(fmt.Sprintf("Clicker %d", i)))
		}
		buttons := []string{"🔁", "⏯", "⏭", "⏪", "📜"}
		var presses []chattest.Answer
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range 250 { // 5 s
			<-tick.C
			mad.Says("/skip")
			if i%2 == 0 {
				presses = append(presses, clickers[i/2%20].Presses(card.Message, buttons[i/2%5]))
			}
		}
		limit := time.Second
		if s.storm { // which makes answers slow, or loses them
			limit = time.Minute
		}
		s.within(limit, func() {
			chat.User("Bob").Says("/settings")
			_, err := chat.AwaitMessage(s.ctx, "who controls what plays")
			require.NoError(t, err)
		})
		for _, p := range presses {
			_, err := s.tg.AwaitAnswer(s.ctx, p)
			if !s.storm {
				require.NoError(t, err)
			}
		}
		warnings := 0
		for _, m := range chat.Said() {
			warnings += strings.Count(m.Text, "Slow down")
		}
		require.Equal(t, 1, warnings)
		require.Equal(t, []float64{440}, frequencies(s.heard(call, 1), 440), "the song plays on")
	})
}

// Who may do what is asked at the moment of the action, for buttons too.
func TestScenario27_Rights(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann, bob, boss := chat.User("Ann"), chat.User("Bob"), chat.User("Boss")
		chat.SetRole(boss.User, telegramtest.Admin)
		files := make([]chattest.File, 6)
		for i := range files {
			files[i] = s.sine(fmt.Sprintf("Song %d", i), time.Minute, 400+100*float64(i))
		}
		s.play(ann, files[0])
		s.hears(call, 400)
		for i, f := range files[1:] {
			s.play([]*chattest.User{ann, bob, ann, bob, ann}[i], f)
			_, err := chat.AwaitMessage(s.ctx, f.Title, "in the queue")
			require.NoError(t, err)
		}

		ann.Says("/skip") // her own
		s.hears(call, 500)
		card, err := chat.AwaitPlaying(s.ctx, "Song 1")
		require.NoError(t, err)

		// In the call are the listener and these two: three listeners, two votes.
		call.Enter(ann.User, bob.User)
		<-time.After(time.Second)
		answer, err := s.tg.AwaitAnswer(s.ctx, bob.Presses(card.Message, "⏭"))
		require.NoError(t, err)
		require.Contains(t, answer.Text, "1 of 2")
		chat.User("Cid").Says("/skip")
		s.hears(call, 600)

		boss.Says("/settings rights admins")
		_, err = chat.AwaitMessage(s.ctx, "Changed", "admins only")
		require.NoError(t, err)
		card, err = chat.AwaitPlaying(s.ctx, "Song 2")
		require.NoError(t, err)
		answer, err = s.tg.AwaitAnswer(s.ctx, bob.Presses(card.Message, "⏭")) // who asked for it
		require.NoError(t, err)
		require.True(t, answer.Alert)
		bob.Says("/skip")
		_, err = chat.AwaitMessage(s.ctx, "only admins can do that")
		require.NoError(t, err)
		chat.Anonymous().Says("/skip")
		s.hears(call, 700)
		boss.Says("/skip")
		s.hears(call, 800)
		_, err = chat.AwaitPlaying(s.ctx, "Song 4")
		require.NoError(t, err)

		chat.SetRole(boss.User, telegramtest.Member)
		if s.storm {
			return // the news may be lost, and he is believed for five minutes
		}
		<-time.After(500 * time.Millisecond)
		boss.Says("/skip")
		s.await("another refusal", func() bool {
			n := 0
			for _, m := range chat.Said() {
				n += strings.Count(m.Text, "Only admins can do that")
			}
			return n == 2
		})
		require.Equal(t, []float64{400, 500, 600, 700, 800}, frequencies(s.heard(call, 5), 400, 500, 600, 700, 800, 900))
	})
}
