package scenario

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// The button below a download ends it at once and leaves nothing of it; the next track
// begins.
func TestScenario28_CancelADownload(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		slow := s.song("Slow", 30*time.Second, 440)
		slow.Rate = 2000 // two minutes
		s.play(ann, slow)
		card, err := chat.AwaitCard(s.ctx, func(c chattest.Card) bool { return c.State == chattest.Loading && c.Title == "Slow" })
		require.NoError(t, err)
		s.await("a part of the file", func() bool {
			all := s.tg.Downloads()
			return len(all) == 1 && all[0].Received > 0
		})
		require.NotEmpty(t, s.kept())
		s.play(ann, s.song("Next", 5*time.Second, 660))
		_, err = chat.AwaitMessage(s.ctx, "Next", "in the queue")
		require.NoError(t, err)
		if shown, ok := chat.Card(); ok && shown.Title == "Slow" {
			card = shown // with buttons of now
		}

		pressed := time.Now()
		press := ann.Presses(card.Message, "Cancel")
		s.await("the end of the download", func() bool { return !s.tg.Downloads()[0].Ended.IsZero() })
		t.Logf("ended %v after the press", s.tg.Downloads()[0].Ended.Sub(pressed))
		require.Error(t, s.tg.Downloads()[0].Err)
		_, err = s.tg.AwaitAnswer(s.ctx, press)
		require.NoError(t, err)
		require.Equal(t, []float64{660}, frequencies(s.heard(call, 1), 440, 660))
		playing, err := chat.AwaitPlaying(s.ctx, "Next")
		require.NoError(t, err)
		require.Zero(t, playing.InQueue)
		require.Len(t, s.tg.Downloads(), 2)
		require.Len(t, s.kept(), 1, "the next track's file")
	})
}

// kept returns the names of what the bot keeps on the disk.
func (s *stage) kept() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.mediaDir())
	require.NoError(s.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
