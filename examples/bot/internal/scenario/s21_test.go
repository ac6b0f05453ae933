package scenario

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// minute is a song of a tone for each second, from which the position is heard.
func (s *stage) minute(title string) chattest.File {
	var seconds []float64
	for i := range 60 {
		seconds = append(seconds, 300+20*float64(i))
	}
	return s.song(title, time.Second, seconds...)
}

// place returns the second of a minute that is heard first since the account joined.
func (s *stage) place(call *telegramtest.Call) time.Duration {
	s.t.Helper()
	tones := s.heard(call, 1)
	return time.Duration((tones[0].Frequency - 300) / 20 * float64(time.Second))
}

// inTwoChats plays a minute in two chats until each is some seconds in, and returns
// their calls.
func (s *stage) inTwoChats() (chats []*chattest.Chat, calls []*telegramtest.Call) {
	s.t.Helper()
	for _, title := range []string{"Here", "There"} {
		chat, call := s.newChat(title)
		chats, calls = append(chats, chat), append(calls, call)
	}
	s.start()
	for i, chat := range chats {
		s.play(chat.User("Ann"), s.minute(chat.Title()))
		s.hears(calls[i], 320)
		_, err := chat.AwaitPlaying(s.ctx, chat.Title())
		require.NoError(s.t, err)
	}
	s.hears(calls[1], 400, 420)
	return chats, calls
}

// positions returns where the chats' tracks are.
func (s *stage) positions(chats []*chattest.Chat) (at []time.Duration) {
	s.t.Helper()
	for _, chat := range chats {
		p, err := s.client().Position(chat.ID())
		require.NoError(s.t, err)
		at = append(at, p)
	}
	return at
}

// A bot that is stopped leaves at once, and goes on where it was when it is started.
func TestScenario21_Restart(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chats, calls := s.inTwoChats()
		at := s.positions(chats)
		s.within(7*time.Second, s.stop) // 5 s to leave, and what closing takes
		if !s.storm {
			for _, call := range calls {
				_, in := call.Participant(s.djs[0])
				require.False(t, in)
			}
		}
		s.start()
		for i, call := range calls {
			s.await("another join", func() bool {
				p, in := call.Participant(s.djs[0])
				return in && p.SSRC != 0
			})
			require.InDelta(t, at[i].Seconds(), s.place(call).Seconds(), 2, "chat %d", i)
			_, err := chats[i].AwaitPlaying(s.ctx, chats[i].Title())
			require.NoError(t, err)
		}
	})
}

// A bot that is killed loses ten seconds at most, and its file is whole.
func TestScenario21_Kill(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chats, calls := s.inTwoChats()
		s.hears(calls[0], 560) // the position has been written
		killed := filepath.Join(t.TempDir(), "bot.db")
		s.copyStore(killed)
		at := s.positions(chats)

		// Nothing that this bot does from now on counts: it is as good as killed.
		s.world.Fail("Leave", telegramtest.Fault{Err: groupcall.ErrTransient, Times: -1})
		s.stop()
		require.NoError(t, os.Rename(killed, filepath.Join(s.dir, "bot.db")))
		before := []uint32{s.ssrc(calls[0]), s.ssrc(calls[1])}
		s.start()
		for i, call := range calls {
			s.await("another join", func() bool { ssrc := s.ssrc(call); return ssrc != 0 && ssrc != before[i] })
			heard := s.place(call)
			require.LessOrEqual(t, at[i]-heard, 11*time.Second, "chat %d at %v", i, heard)
			require.LessOrEqual(t, heard, at[i]+2*time.Second)
		}
	})
}

// ssrc returns that of the first account in a call, or 0.
func (s *stage) ssrc(call *telegramtest.Call) uint32 {
	p, _ := call.Participant(s.djs[0])
	return p.SSRC
}

// copyStore copies the bot's file as a bot that is killed now leaves it, and checks that
// it is whole.
func (s *stage) copyStore(to string) {
	s.t.Helper()
	s.await("a whole copy", func() bool {
		data, err := os.ReadFile(filepath.Join(s.dir, "bot.db"))
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(to, data, 0o600))
		db, err := bbolt.Open(to, 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			return false // copied in the midst of a write, as no kill can
		}
		defer db.Close()
		return db.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				return err
			}
			return nil
		}) == nil
	})
}
