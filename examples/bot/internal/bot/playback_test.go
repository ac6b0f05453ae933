package bot

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

func TestTracksPlayOneAfterAnother(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 30")
		r.says("/play b 30")
		r.after(3 * time.Second)
		card := r.card()
		require.Equal(t, chattest.Playing, card.State)
		require.Equal(t, "a", card.Title)
		require.Equal(t, "Root", card.By)
		require.Equal(t, "b", card.Next)
		require.Equal(t, 30*time.Second, card.Length)
		require.Equal(t, 1, card.InQueue)
		r.after(30 * time.Second)
		require.Equal(t, "b", r.card().Title)
		require.Equal(t, []string{"a", "b"}, r.heard())
		require.Len(t, r.shown(), 1, "one card, and the word that b was queued is gone")
		r.after(35 * time.Second)
		require.Contains(t, r.last().Text, "The queue has ended")
		require.True(t, r.look().in)
		r.after(3 * time.Minute)
		require.False(t, r.look().in)
	})
}

func TestASkipDoesNotWaitForTheEnd(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 60,b 60")
		r.after(45 * time.Second)
		require.Equal(t, "b", r.look().next.title)
		r.says("/skip")
		require.Equal(t, "b", r.look().now.title)
		require.Equal(t, "b", r.card().Title)
		r.after(58 * time.Second)
		require.Equal(t, []string{"a", "b"}, r.heard())
	})
}

func TestTheNextTrackIsSetBeforeTheEnd(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 60,b 60")
		r.after(35 * time.Second)
		require.Nil(t, r.look().next, "not 20 s before the end")
		r.after(10 * time.Second)
		require.Equal(t, "b", r.look().next.title)
		r.says("/playnext c 30")
		r.after(2 * time.Second)
		require.Equal(t, "c", r.look().next.title, "c comes first now")
		r.says("/clear")
		require.Nil(t, r.look().next)
		r.says("/loop track")
		r.after(2 * time.Second)
		require.Equal(t, "a", r.look().next.title)
		r.after(60 * time.Second)
		require.Equal(t, []string{"a", "a"}, r.heard())
		require.LessOrEqual(t, r.songs.files(), 3)
	})
}

func TestSkipAndBack(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b,c,d")
		r.after(2 * time.Second)
		r.says("/skip 2")
		r.after(2 * time.Second)
		require.Equal(t, "c", r.card().Title)
		r.press("⏮")
		r.after(2 * time.Second)
		require.Equal(t, "b", r.card().Title)
		r.after(15 * time.Second)
		r.press("⏮")
		require.Equal(t, "b", r.card().Title)
		require.Less(t, r.look().at, 3*time.Second, "begun again")
		r.says("/skip 99")
		r.after(6 * time.Second)
		require.Contains(t, r.shown(), "⏹ The queue has ended. /play adds to it.")
		require.True(t, r.look().paused, "nothing is heard of what was skipped")
		r.says("/skip")
		require.Contains(t, r.last().Text, "Nothing is playing")
	})
}

func TestASkipToATrackThatIsSetIsHeardAtOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 60,b 60,c")
		r.after(50 * time.Second)
		require.Equal(t, "b", r.look().next.title)
		r.admin("Root").Says("/skip")
		r.after(300 * time.Millisecond)
		require.Equal(t, "b", r.look().now.title)
		require.Nil(t, r.look().next)
		r.after(3 * time.Second)
		require.Equal(t, "b", r.card().Title)
		require.Less(t, r.card().Position, 5*time.Second)
		require.Equal(t, []string{"a", "b"}, r.songs.asked())
		r.after(60 * time.Second)
		require.Equal(t, []string{"a", "b", "c"}, r.heard())
	})
}

func TestASkipIsSilentUntilTheNextTrackIsThere(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.download = 10 * time.Second })
		r.says("/play a,b")
		r.after(11 * time.Second)
		r.says("/skip")
		require.True(t, r.look().paused)
		require.Contains(t, r.last().Text, "Skipped")
		r.after(11 * time.Second)
		require.Equal(t, "b", r.look().now.title)
		require.False(t, r.look().paused)
	})
}

func TestPauseAndResume(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a")
		r.after(5 * time.Second)
		r.says("/pause")
		require.True(t, r.look().paused)
		at := r.look().at
		require.Equal(t, chattest.Paused, r.card().State)
		r.after(time.Minute)
		r.says("/pause")
		require.Contains(t, r.last().Text, "already")
		r.press("⏯")
		require.False(t, r.look().paused)
		require.Less(t, r.look().at-at, 2*time.Second)
		r.says("/resume")
		require.Contains(t, r.last().Text, "not paused")
	})
}

func TestAPauseDuringTheDownloadHolds(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.download = 5 * time.Second })
		r.says("/play a")
		r.says("/pause")
		r.after(10 * time.Second)
		require.Empty(t, r.heard())
		r.says("/resume")
		require.Equal(t, []string{"a"}, r.heard())
		require.False(t, r.look().paused)
		require.Len(t, r.songs.asked(), 1, "what has been downloaded is used")
	})
}

func TestSeek(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 180")
		r.after(time.Second)
		r.says("/seek 1:00")
		require.InDelta(t, 61, r.look().at.Seconds(), 1.1)
		r.says("/seek +10")
		require.InDelta(t, 74, r.look().at.Seconds(), 1.5)
		r.press("⏪")
		require.InDelta(t, 66, r.look().at.Seconds(), 1.5)
		r.says("/pause")
		r.says("/seek 0:10")
		require.True(t, r.look().paused)
		require.InDelta(t, 10, r.look().at.Seconds(), 0.1)
		r.says("/seek x")
		require.Contains(t, r.last().Text, "Where to?")
	})
}

func TestABrokenTrackIsPassedOver(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.broken["a"] = &track.Refusal{Words: "The file is gone."} })
		r.songs.set(func(s *songs) { s.unplayed["b"] = fmt.Errorf("open: %w: /secret/path", gotgcall.ErrFile) })
		r.songs.set(func(s *songs) { s.crash["c"] = gotgcall.ErrFFmpegCrashed })
		r.says("/play a,b,c 5,d")
		r.after(2 * time.Second)
		require.Equal(t, "c", r.card().Title)
		require.Contains(t, r.card().Message.Text, "b: It cannot be played.")
		r.after(8 * time.Second)
		require.Equal(t, "d", r.card().Title)
		require.Contains(t, r.card().Message.Text, "c: It cannot be played.")
		for _, m := range r.chat.Said() {
			require.NotContains(t, m.Text, "secret")
		}
	})
}

func TestFiveBrokenTracksInARowAreEnough(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		for i := range 7 {
			r.songs.set(func(s *songs) { s.broken[fmt.Sprint(i)] = errors.New("broken") })
		}
		r.says("/play 0,1,2,3,4,5,6,7")
		r.after(20 * time.Second)
		require.Contains(t, r.last().Text, "too many tracks in a row")
		require.Len(t, r.songs.asked(), 5)
		r.says("/resume")
		r.after(10 * time.Second)
		require.Equal(t, "7", r.card().Title)
	})
}

func TestADeadLoopEnds(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 3")
		r.after(time.Second)
		r.says("/loop queue")
		r.songs.set(func(s *songs) { s.broken["a"] = errors.New("broken") })
		r.after(20 * time.Second)
		require.Contains(t, strings.Join(r.shown(), "\n"), "The queue has ended")
	})
}

func TestWithoutACallItPlaysWhenOneBegins(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.stage.setNone(true)
		r.says("/play a")
		r.after(2 * time.Second)
		require.Contains(t, r.last().Text, "There is no video chat. Start one within")
		require.Len(t, r.shown(), 1)
		r.says("/play b")
		require.Contains(t, r.last().Text, "There is no video chat")

		r.stage.setNone(false)
		src := &song{title: "a", length: time.Minute}
		require.NoError(t, r.stage.PlayAt(t.Context(), r.chat.ID(), src, 0))
		r.stage.notify(groupcall.Entered{InChat: groupcall.InChat(r.chat.ID())})
		r.after(2 * time.Second)
		require.Equal(t, "a", r.card().Title)
		require.NotContains(t, r.card().Message.Text, "no video chat")
		r.after(time.Minute)
		require.Equal(t, "b", r.card().Title)
	})
}

func TestWhenTheCallIsLeftTheQueueIsKept(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b")
		r.after(20 * time.Second)
		_ = r.stage.Leave(t.Context(), r.chat.ID())
		r.stage.notify(groupcall.Left{InChat: groupcall.InChat(r.chat.ID()), Err: groupcall.ErrRemoved, At: 19 * time.Second})
		r.after(time.Second)
		require.Contains(t, r.last().Text, "removed from the video chat")
		require.Equal(t, chattest.Paused, r.card().State)
		r.says("/play")
		r.after(2 * time.Second)
		require.Equal(t, "a", r.look().now.title)
		require.InDelta(t, 21, r.look().at.Seconds(), 2)
		require.Equal(t, chattest.Playing, r.card().State)
	})
}

func TestAnAdminOfTheCallMutes(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a")
		r.after(2 * time.Second)
		chat := groupcall.InChat(r.chat.ID())
		r.stage.notify(groupcall.Silenced{InChat: chat})
		r.after(time.Second)
		require.Contains(t, r.last().Text, "An admin muted me")
		r.stage.notify(groupcall.Unsilenced{InChat: chat})
		r.after(2 * time.Second)
		require.NotContains(t, r.last().Text, "muted me")
	})
}

func TestStopLeavesNothing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b,c")
		r.after(3 * time.Second)
		r.says("/stop")
		require.False(t, r.look().in)
		require.Zero(t, r.songs.files())
		require.Contains(t, strings.Join(r.shown(), "\n"), "Stopped")
		r.says("/queue")
		require.Contains(t, r.last().Text, "empty")
	})
}

func TestCancelOfADownload(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.download = 20 * time.Second })
		r.says("/play a,b 30")
		r.after(12 * time.Second)
		require.Contains(t, r.newestCard().Text, "downloading 5.0 of 10.0 MB (50 %)")
		a := r.press("Cancel")
		require.Equal(t, "Cancelled.", a.Text)
		r.after(21 * time.Second)
		require.Equal(t, []string{"b"}, r.heard())
		require.Equal(t, []string{"b"}, r.songs.asked())
	})
}

func TestALiveStream(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 180,b")
		r.after(2 * time.Second)
		r.says("/live")
		r.after(3 * time.Second)
		require.True(t, r.look().live)
		require.Equal(t, "a", r.look().now.title)
		r.says("/skip")
		r.after(2 * time.Second)
		require.True(t, r.look().live)
		r.says("/stop")
		r.says("/play c")
		r.after(2 * time.Second)
		require.False(t, r.look().live)
	})
}
