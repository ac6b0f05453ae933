package scenario

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// A hundred short tracks play in order, within what Telegram lets a bot say, and leave no
// file.
func TestScenario07_HundredTracks(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		ann := chat.User("Ann")
		const half = 50
		var wanted []float64
		for side := range 2 {
			var files []chattest.File
			for i := range half {
				n := side*half + i
				wanted = append(wanted, 300+20*float64(n))
				files = append(files, s.wave(fmt.Sprintf("Track %d", n+1), time.Second, wanted[n]))
			}
			s.album(ann, fmt.Sprintf("side %d", side+1), files...)
		}
		s.config.Limits.Queue.PerUser = 2 * half
		s.config.Times.Empty = time.Second
		s.start()
		ann.Says("/play side 1")
		s.hears(call, wanted[0])
		ann.Says("/play side 2")
		tones := s.heard(call, len(wanted))
		require.Equal(t, wanted, frequencies(tones, wanted...))
		for i := range tones[1:] {
			require.Less(t, tones[i+1].Start-tones[i].End, 150*time.Millisecond, "after track %d", i+1)
		}
		s.await("leave the call", func() bool { return len(call.Past()) == 1 })
		s.stop()
		left, err := filepath.Glob(filepath.Join(s.mediaDir(), "*"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}
