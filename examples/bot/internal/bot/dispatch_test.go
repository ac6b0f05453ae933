package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

func TestAPlayIsAnsweredByOneMessage(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.search = 3 * time.Second })
		r.admin("Root").Says("/play a")
		r.after(time.Second)
		require.Contains(t, r.last().Text, "looking for it")
		r.after(5 * time.Second)
		require.Equal(t, chattest.Playing, r.card().State)
		require.Len(t, r.chat.Said(), 1)
		r.says("/play nothing")
		r.after(4 * time.Second)
		require.Contains(t, r.last().Text, "I found nothing of that name.")
		require.Len(t, r.shown(), 2)
	})
}

func TestALaterSearchOfAUserReplacesTheEarlier(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.search = 5 * time.Second })
		ann := r.chat.User("Ann")
		ann.Says("/play a")
		r.after(2 * time.Second)
		ann.Says("/play b")
		r.after(10 * time.Second)
		require.Equal(t, []string{"b"}, r.heard())
		require.Len(t, r.shown(), 1)
	})
}

func TestFilesSentInARowAllPlayInOrder(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.search = time.Second })
		ann := r.chat.User("Ann")
		for _, title := range []string{"a", "b", "c", "d"} {
			ann.Replies(ann.Sends(chattest.File{Path: "/dev/null", Title: title, Length: 3 * time.Minute}), "/play")
		}
		r.after(15 * time.Second)
		require.Equal(t, "a", r.card().Title)
		require.Equal(t, 3, r.card().InQueue)
		for range 3 {
			r.says("/skip")
			r.after(3 * time.Second)
		}
		require.Equal(t, []string{"a", "b", "c", "d"}, r.heard())
	})
}

func TestAReplyToAFileIsPlayed(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.chat.User("Ann")
		file := ann.Sends(chattest.File{Path: "/dev/null", Title: "Song\n\u202E<b>", Artist: "Artist", Length: time.Minute})
		ann.Replies(file, "/play@DJ_bot")
		r.after(3 * time.Second)
		require.Equal(t, "Song <b>", r.card().Title)
		require.Equal(t, "Artist", r.card().Artist)
		require.Equal(t, 90*time.Second, r.card().Length, "what the library finds, not what the sender said")
	})
}

func TestWhatIsNotForTheBotIsIgnored(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.chat.User("Ann")
		for _, text := range []string{"/play@other_bot a", "/unknown", "/", "/@dj_bot", "play a", "/toggle"} {
			ann.Says(text)
		}
		ann.Private().Says("/play a")
		r.bot.handle(telegram.Command{
			Place: telegram.Place{Chat: r.chat.ID(), ReplyTo: 99_999}, From: track.User{ID: ann.ID},
			Text: "/play a", Date: time.Now().Add(-61 * time.Second),
		})
		r.after(3 * time.Second)
		require.Empty(t, r.heard())
		require.Len(t, r.chat.Said(), 1) // /toggle: nothing plays
	})
}

func TestADoubledCommandCountsOnce(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.chat.User("Ann")
		play := telegram.Command{
			Place: telegram.Place{Chat: r.chat.ID(), ReplyTo: ann.Says("hello").ID}, From: track.User{ID: ann.ID, Name: "Ann"},
			Text: "/play a", Date: time.Now(),
		}
		for range 3 {
			r.bot.handle(play)
		}
		r.after(3 * time.Second)
		require.Equal(t, []string{"a"}, r.heard())
		require.Zero(t, r.card().InQueue)
	})
}

func TestPrivateChats(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		ann := r.chat.User("Ann").Private()
		ann.Says("/start")
		ann.Says("/help")
		r.after(time.Second)
		sent := r.tg.World.Requests("Send")
		require.Len(t, sent, 2)
		require.Equal(t, ann.ID, sent[0].Chat)
		require.Contains(t, sent[0].Args.(telegram.Message).Text, "Add me to a group")
		require.Contains(t, sent[1].Args.(telegram.Message).Text, "/vplay")
	})
}

func TestAnOldCardIsRefused(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b,c")
		r.after(2 * time.Second)
		old := r.newestCard()
		r.says("/skip")
		r.after(2 * time.Second)
		a := r.admin("Root").Presses(old, "⏭")
		r.after(time.Second)
		a, err := r.tg.AwaitAnswer(t.Context(), a)
		require.NoError(t, err)
		require.Contains(t, a.Text, "old card")
		require.True(t, a.Alert)
		require.Equal(t, "b", r.look().now.title)
	})
}

func TestDataThatNoButtonHasDoesNothing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a,b")
		root := r.admin("Root")
		for i, data := range []string{"c:1:clear", "c:x:skip", "c:1", "", "q:", "q:99999999999999999999", "c:1:settings"} {
			r.bot.handle(telegram.Press{Query: int64(1e9 + i), Chat: r.chat.ID(), From: track.User{ID: root.ID}, Data: data})
		}
		r.after(5 * time.Second)
		require.Equal(t, "a", r.look().now.title)
		require.Equal(t, 1, r.card().InQueue)
	})
}

func TestAFloodOfOneUserIsNotThatOfOthers(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a")
		bob, cid := r.chat.User("Bob"), r.chat.User("Cid")
		for range 10 {
			for range 50 {
				bob.Says("/queue 1")
			}
			r.after(time.Second)
		}
		warnings := 0
		for _, m := range r.chat.Said() {
			warnings += strings.Count(m.Text, "Slow down")
		}
		require.Equal(t, 1, warnings)
		began := time.Now()
		cid.Says("/help")
		_, err := r.chat.AwaitMessage(t.Context(), "What I can do")
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(began), time.Second)
		r.after(25 * time.Second)
		r.said(bob, "/help")
		require.Contains(t, r.last().Text, "What I can do", "he is heard again after a while")
	})
}

func TestPressesOfManyAreAllAnswered(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.plays("Ann", "a")
		r.says("/settings rights everyone")
		var users []*chattest.User
		for i := range 20 {
			users = append(users, r.chat.User(fmt.Sprint("user ", i)))
		}
		card := r.newestCard()
		for range 20 {
			for _, u := range users {
				u.Presses(card, "🔁")
			}
			r.after(500 * time.Millisecond)
		}
		r.after(12 * time.Second) // the fake complains of a press without an answer
	})
}

func TestAHundredShortTracksStayWithinTheLimits(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.stop()
		r.songs.set(func(s *songs) { s.download = 10 * time.Millisecond })
		r.start(Config{Limits: Limits{Playlist: 100, Queue: queueLimits(100, 100)}})
		var titles, all []string
		for i := range 100 {
			titles = append(titles, fmt.Sprint("t", i))
			all = append(all, titles[i]+" 1")
		}
		r.says("/play " + strings.Join(all, ","))
		r.after(105 * time.Second)
		require.Equal(t, titles, r.heard())
		began := time.Now()
		r.chat.User("Ann").Says("/help")
		_, err := r.chat.AwaitMessage(t.Context(), "What I can do")
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
		r.after(10 * time.Second)
		require.LessOrEqual(t, len(r.shown()), 4)
	}) // the fake counts messages and edits
}

func TestAFloodWaitIsHonoured(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.tg.World.Fail("Send", telegramtest.Fault{Err: &groupcall.Flood{Wait: 30 * time.Second}})
		r.says("/play a")
		r.says("/help")
		require.Empty(t, r.shown())
		require.Equal(t, []string{"a"}, r.heard())
		r.after(30 * time.Second)
		require.Len(t, r.shown(), 2)
		require.Equal(t, chattest.Playing, r.card().State)
	})
}

func TestADeletedCardIsPostedAgain(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a")
		r.after(3 * time.Second)
		require.NoError(t, r.tg.Session().Delete(t.Context(), r.chat.ID(), r.newestCard().ID))
		r.after(12 * time.Second)
		require.Equal(t, "a", r.card().Title)
	})
}

func TestQueuePages(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		var all []string
		for i := range 15 {
			all = append(all, fmt.Sprint("t", i))
		}
		r.says("/play " + strings.Join(all, ","))
		r.says("/queue")
		page := r.last()
		require.Contains(t, page.Text, "page 1 of 2, 14 in queue")
		require.Contains(t, page.Text, "▶︎ t0")
		require.Contains(t, page.Text, "\n10. t10 3:00 · Root")
		r.admin("Root").Presses(page, "›")
		r.after(2 * time.Second)
		require.Contains(t, r.last().Text, "\n11. t11")
		r.admin("Root").Presses(r.last(), "✖")
		r.after(2 * time.Second)
		require.NotContains(t, strings.Join(r.shown(), "\n"), "page")
	})
}
