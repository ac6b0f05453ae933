package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// A file is downloaded in sight, heard, and named on a card; after its end the account
// leaves.
func TestScenario01_PlayAReply(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.config.Times.Empty = 2 * time.Second
		s.config.Times.Progress = 500 * time.Millisecond
		s.start()
		ann := chat.User("Ann")
		song := s.song("Song", 3*time.Second, 440)
		song.Rate = 10_000 // 2.4 s
		s.play(ann, song)

		_, err := chat.AwaitMessage(s.ctx, "%")
		require.NoError(t, err, "progress")
		s.hears(call, 440)
		downloaded := s.tg.Downloads()[0].Ended
		t.Logf("heard %v after the end of the download", time.Since(downloaded))
		card, err := chat.AwaitPlaying(s.ctx, "Song")
		require.NoError(t, err)
		require.Equal(t, "Ann", card.By)
		require.Equal(t, 3*time.Second, card.Length)
		_, err = chat.AwaitMessage(s.ctx, "queue")
		require.NoError(t, err, "the queue is over")
		s.await("leave the call", func() bool { return len(call.Past()) == 1 })
		_, in := call.Participant(s.djs[0])
		require.False(t, in)
	})
}

// Tracks play in order and without a hole; each is downloaded while the one before plays.
func TestScenario02_ThreeInARow(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		wanted := []float64{440, 660, 880}
		for i, f := range wanted {
			s.play(ann, s.song(fmt.Sprintf("Song %d", i+1), 5*time.Second, f))
			if i == 0 {
				s.hears(call, f)
			}
		}
		s.await("second download", func() bool {
			all := s.tg.Downloads()
			return len(all) > 1 && !all[1].Ended.IsZero()
		})
		require.Len(t, s.heard(call, 1), 1, "downloaded while the first plays")
		tones := s.heard(call, 3)
		require.Equal(t, wanted, frequencies(tones, wanted...))
		for i := range tones[1:] {
			require.Less(t, tones[i+1].Start-tones[i].End, 150*time.Millisecond, "after tone %d", i+1)
		}
	})
}

// Skips count, and the buttons of an old card do nothing but say so.
func TestScenario03_Skip(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		for i := range 5 {
			title := fmt.Sprintf("Song %d", i+1)
			s.play(ann, s.song(title, time.Minute, 400+100*float64(i)))
			if i == 0 {
				s.hears(call, 400)
			} else {
				s.await("download", func() bool { return len(chat.Said()) > i })
			}
		}
		old, err := chat.AwaitPlaying(s.ctx, "Song 1")
		require.NoError(t, err)
		ann.Says("/skip")
		s.hears(call, 500)
		ann.Says("/skip 2")
		s.hears(call, 700)
		_, err = chat.AwaitPlaying(s.ctx, "Song 4")
		require.NoError(t, err)

		answer, err := s.tg.AwaitAnswer(s.ctx, ann.Presses(old.Message, "⏭"))
		require.NoError(t, err)
		require.NotEmpty(t, answer.Text, "it says why not")
		p, _ := call.Participant(s.djs[0])
		before, err := p.Media.Heard(s.ctx, 0)
		require.NoError(t, err)
		_, err = p.Media.Heard(s.ctx, before+2*time.Second)
		require.NoError(t, err)
		require.Equal(t, []float64{400, 500, 700}, frequencies(s.heard(call, 3), 400, 500, 600, 700, 800))
	})
}

// A pause is silence that loses nothing, and is shown in the call, once each way.
func TestScenario04_Pause(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		scale := []float64{400, 500, 600, 700, 800, 900}
		s.play(ann, s.song("Scale", time.Second, scale...))
		s.hears(call, 500)
		ann.Says("/pause")
		s.await("mute shown", func() bool { p, _ := call.Participant(s.djs[0]); return p.Muted })
		p, _ := call.Participant(s.djs[0])
		at, err := s.client().Position(chat.ID())
		require.NoError(t, err)
		<-time.After(2 * time.Second)
		after, err := p.Media.Heard(s.ctx, 0)
		require.NoError(t, err)
		require.InDelta(t, at.Seconds(), after.Seconds(), 0.1, "no sound but what was played before")
		still, err := s.client().Position(chat.ID())
		require.NoError(t, err)
		require.InDelta(t, at.Seconds(), still.Seconds(), 0.05)
		_, err = chat.AwaitCard(s.ctx, func(c chattest.Card) bool { return c.State == chattest.Paused })
		require.NoError(t, err)
		ann.Says("/resume")
		tones := s.heard(call, len(scale))
		require.Equal(t, scale, frequencies(tones, scale...))
		for _, tone := range tones[:len(tones)-1] {
			require.InDelta(t, 1, (tone.End - tone.Start).Seconds(), 0.08, "nothing is lost or repeated: %v", tones)
		}
		yes, no := true, false
		edits := s.edits()
		if !s.storm { // a lost answer is a reason to send it again
			require.Equal(t, []groupcall.Edit{{Muted: &yes}, {Muted: &no}}, edits)
		}
		for _, e := range edits {
			require.Nil(t, e.VideoStopped)
			require.Nil(t, e.VideoPaused)
			require.Nil(t, e.RaiseHand)
		}
	})
}

// Seeks land where they should, also while paused.
func TestScenario05_Seek(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		var seconds []float64
		for i := range 90 {
			seconds = append(seconds, 300+20*float64(i))
		}
		s.play(ann, s.song("Seconds", time.Second, seconds...))
		s.hears(call, seconds[0])
		ann.Says("/seek 1:00")
		s.hears(call, seconds[60])
		ann.Says("/seek +10")
		s.hears(call, seconds[60], seconds[72])
		card, err := chat.AwaitPlaying(s.ctx, "Seconds")
		require.NoError(t, err)
		ann.Presses(card.Message, "⏪")
		s.hears(call, seconds[72], seconds[68])

		ann.Says("/pause")
		s.await("mute shown", func() bool { p, _ := call.Participant(s.djs[0]); return p.Muted })
		ann.Says("/seek 0:20")
		_, err = chat.AwaitCard(s.ctx, func(c chattest.Card) bool {
			return c.State == chattest.Paused && c.Position == 20*time.Second
		})
		require.NoError(t, err)
		heard := len(s.heard(call, 1))
		ann.Says("/resume")
		tones := s.heard(call, heard+1)
		require.InDelta(t, seconds[20], tones[heard].Frequency, 8, "%v", tones)
	})
}

// Two chats hear what is theirs alone, and one's end is not the other's.
func TestScenario06_TwoChats(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		const length = 30 * time.Second
		here, hereCall := s.newChat("Here")
		there, thereCall := s.newChat("There")
		s.start()
		ann := here.User("Ann")
		s.play(ann, s.song("A", length, 440))
		s.hears(hereCall, 440)
		s.play(there.User("Ann"), s.song("B", length, 880))
		s.hears(thereCall, 880)
		first, err := hereCall.Await(s.ctx, s.djs[0])
		require.NoError(t, err)
		_, err = first.Media.Heard(s.ctx, length/2)
		require.NoError(t, err)
		firstTones := s.heard(hereCall, 1)
		ann.Says("/stop")
		s.await("leave", func() bool { _, in := hereCall.Participant(s.djs[0]); return !in })
		require.Equal(t, []float64{440}, frequencies(firstTones, 440, 880))
		tones := s.heard(thereCall, 1)
		require.Equal(t, []float64{880}, frequencies(tones, 440, 880))
		second, err := thereCall.Await(s.ctx, s.djs[0])
		require.NoError(t, err)
		_, err = second.Media.Heard(s.ctx, length-2*time.Second)
		require.NoError(t, err)
		tones = s.heard(thereCall, 1)
		require.Len(t, tones, 1, "without a hole")
	})
}

// Without a call the bot says so and plays when one begins; it says when a scheduled one
// begins, and what to do with a live stream.
func TestScenario08_NoCall(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat := s.tg.NewChat("Friends", s.djs[0])
		s.start()
		ann := chat.User("Ann")
		s.play(ann, s.song("Song", 20*time.Second, 440))
		_, err := chat.AwaitMessage(s.ctx, "video chat")
		require.NoError(t, err)
		<-time.After(5 * time.Second)
		call := chat.StartCall()
		call.Enter(ann.User)
		s.hears(call, 440)

		later := s.tg.NewChat("Later", s.djs[0])
		begin := time.Now().Add(3 * time.Hour)
		later.ScheduleCall(begin)
		s.play(later.User("Ann"), s.song("Later", 20*time.Second, 550))
		_, err = later.AwaitMessage(s.ctx, begin.UTC().Format("15:04"))
		require.NoError(t, err)

		stream := s.tg.NewChat("Stream", s.djs[0])
		stream.StartLiveStream()
		s.play(stream.User("Ann"), s.song("Stream", 20*time.Second, 660))
		_, err = stream.AwaitMessage(s.ctx, "/live")
		require.NoError(t, err)
	})
}
