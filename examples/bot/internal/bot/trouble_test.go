package bot

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

func TestAnEndWithoutANextTrackPausesNothing(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a 30")
		r.songs.set(func(s *songs) { s.download = 20 * time.Second })
		r.after(26 * time.Second)
		r.says("/play b 30")
		r.after(10 * time.Second)
		require.Equal(t, []string{"a"}, r.heard())
		require.False(t, r.look().paused, "Telegram would show the account as muted")
		r.after(20 * time.Second)
		require.Equal(t, []string{"a", "b"}, r.heard())
	})
}

func TestAnAccountThatLeftIdleComesBackForTheNextTrack(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.songs.set(func(s *songs) { s.unplayed["a"] = gotgcall.ErrFile; s.download = 15 * time.Second })
		r.says("/play a,b")
		r.after(20 * time.Second)
		_ = r.stage.Leave(t.Context(), r.chat.ID())
		r.stage.notify(groupcall.Left{InChat: groupcall.InChat(r.chat.ID()), Err: groupcall.ErrNothingPlays})
		r.after(20 * time.Second)
		require.Equal(t, []string{"b"}, r.heard())
		require.Equal(t, chattest.Playing, r.card().State)
	})
}

func TestASkipTakesBackWhatWaitsForACall(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.stage.setNone(true)
		r.says("/play a,b")
		r.after(2 * time.Second)
		left := r.stage.leaves()
		r.says("/skip")
		r.after(2 * time.Second)
		require.Equal(t, left+1, r.stage.leaves())
		require.Contains(t, strings.Join(r.shown(), "\n"), "⏳ b")
	})
}

func TestWordsOfSkippedTracksAreDeleted(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		for _, title := range []string{"a", "b", "c", "d", "e"} {
			r.says("/play " + title)
			r.after(time.Second)
		}
		require.Contains(t, strings.Join(r.shown(), "\n"), "#2 c is in the queue.")
		r.says("/skip 3")
		r.after(10 * time.Second)
		for _, title := range []string{"b", "c", "d"} {
			require.NotContains(t, strings.Join(r.shown(), "\n"), title+" is in the queue.")
		}
		require.Contains(t, strings.Join(r.shown(), "\n"), "e is in the queue.")
		r.says("/stop")
		r.after(10 * time.Second)
		require.NotContains(t, strings.Join(r.shown(), "\n"), "is in the queue.")
	})
}

func TestBlockedUsersAreNotListenedTo(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.stop()
		bob := r.chat.User("Bob")
		r.start(Config{Blocked: []int64{bob.ID}})
		r.said(bob, "/play a")
		require.Empty(t, r.chat.Said())
		r.says("/play a")
		r.said(bob, "/skip")
		require.Empty(t, r.pressed(bob, "⏭").Text)
		require.Equal(t, "a", r.look().now.title)
	})
}

func TestAPersonsAccountAnswersNoStranger(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.bot.itself = true
		r.chat.User("Bob").Private().Says("/start")
		r.after(5 * time.Second)
		require.Empty(t, r.tg.World.Requests("Send"))
	})
}

func TestWhereItMayNotWriteItPlaysInSilence(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.tg.World.Fail("Send", telegramtest.Fault{Err: groupcall.ErrNotAllowed, Times: -1})
		r.says("/play a")
		r.after(3 * time.Minute)
		require.Equal(t, []string{"a"}, r.heard())
		require.LessOrEqual(t, len(r.tg.World.Requests("Send")), 5)
	})
}

func TestALostAnswerDelaysNobody(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.tg.World.Fail("Role", telegramtest.Fault{Hang: true, Times: 2})
		r.plays("Ann", "a")
		press := r.chat.User("Cid").Presses(r.newestCard(), "⏹")
		r.chat.User("Bob").Says("/stop") // its role is asked for, in vain
		r.after(time.Second)
		r.said(r.chat.User("Ann"), "/pause")
		require.True(t, r.look().paused)
		r.after(30 * time.Second)
		require.Contains(t, r.last().Text, "could not check your rights")
		press, err := r.tg.AwaitAnswer(t.Context(), press)
		require.NoError(t, err)
		require.Contains(t, press.Text, "too long")
	})
}

// Whatever comes in whatever order, nothing is stuck, leaks or floods.
func TestAnyOrderOfEvents(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			opts := []telegramtest.Option{telegramtest.WithSeed(seed)}
			if seed%2 == 1 {
				opts = append(opts, telegramtest.WithWeather(telegramtest.Storm))
			}
			restarts := seed%4 >= 2
			if restarts { // after which the bot does not know what it has sent
				opts = append(opts, telegramtest.WithFloods())
			}
			inRig(t, func(t *testing.T, r *rig) { r.roam(rand.New(rand.NewPCG(seed, 7)), restarts) }, opts...)
		})
	}
}

// roam does what users and calls do, at random.
func (r *rig) roam(random *rand.Rand, restarts bool) {
	commands := []string{
		"/play a 20", "/play b 40,c 5,d 1", "/play dead", "/play crash 9", "/playnext e 30", "/vplay f", "/pause", "/resume",
		"/skip", "/skip 3", "/stop", "/seek 0:10", "/seek +5", "/loop", "/queue", "/now", "/mute", "/unmute", "/remove 1",
		"/remove 2 1", "/clear", "/shuffle", "/live", "/live g 15", "/settings rights everyone", "/help", "/volume 50", "/play nothing",
	}
	r.songs.set(func(s *songs) {
		s.broken["dead"], s.crash["crash"] = gotgcall.ErrFile, gotgcall.ErrStalled
		s.search = 300 * time.Millisecond
	})
	chat := groupcall.InChat(r.chat.ID())
	users := []*chattest.User{r.admin("Root"), r.chat.User("Ann"), r.chat.User("Bob"), r.chat.Anonymous()}
	for range 400 {
		switch n := random.IntN(40); {
		case n < 28:
			users[random.IntN(len(users))].Says(commands[random.IntN(len(commands))])
		case n < 33:
			r.pressAny(random, users[random.IntN(3)])
		case n == 33:
			_ = r.stage.Leave(r.t.Context(), r.chat.ID())
			errs := []error{groupcall.ErrRemoved, groupcall.ErrAlone, groupcall.ErrNothingPlays, groupcall.ErrElsewhere}
			r.stage.notify(groupcall.Left{InChat: chat, Err: errs[random.IntN(len(errs))]})
		case n == 34:
			r.stage.notify(groupcall.Silenced{InChat: chat})
		case n == 35:
			r.stage.notify(groupcall.Unsilenced{InChat: chat})
		case n == 36:
			r.stage.setNone(random.IntN(3) == 0)
		case n == 37:
			r.songs.set(func(s *songs) { s.download = time.Duration(random.IntN(8)) * time.Second })
		case n == 38 && restarts && random.IntN(3) == 0:
			r.after(8 * time.Second) // what comes while it stops is not answered
			r.stop()
			r.start(Config{})
		}
		r.after(time.Duration(random.IntN(6000)) * time.Millisecond)
		r.agrees()
	}
	r.stage.setNone(false)
	r.after(time.Minute)
	r.says("/stop")
	r.after(20 * time.Second)
	require.False(r.t, r.look().in)
	require.Zero(r.t, r.songs.files())
	r.says("/play last")
	r.after(20 * time.Second)
	require.Equal(r.t, "last", r.card().Title)
	require.Equal(r.t, "last", r.look().now.title)
	require.Less(r.t, len(r.shown()), 300)
}

// agrees checks that what the bot takes for the current track is what plays.
func (r *rig) agrees() {
	r.t.Helper()
	state := make(chan string, 1)
	r.bot.tell(r.chat.ID(), func(c *chat) {
		if c.play.phase == playing {
			state <- c.queue.Current.Title
			return
		}
		state <- ""
	})
	synctest.Wait()
	select {
	case title := <-state:
		if now := r.look().now; title != "" {
			require.NotNil(r.t, now, "%s does not play", title)
			require.Equal(r.t, title, now.title)
		}
	default: // not in memory
	}
}

// pressAny presses any button that is shown.
func (r *rig) pressAny(random *rand.Rand, u *chattest.User) {
	var shown []chattest.Message
	for _, m := range r.chat.Said() {
		if !m.Deleted && len(m.Buttons) > 0 {
			shown = append(shown, m)
		}
	}
	if len(shown) == 0 {
		return
	}
	m := shown[len(shown)-1-random.IntN(min(3, len(shown)))]
	row := m.Buttons[random.IntN(len(m.Buttons))]
	u.Presses(m, row[random.IntN(len(row))].Text)
}

func TestAnEditWithoutAnAnswerHoldsNothingElseUp(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		r.says("/play a")
		r.after(5 * time.Second)
		r.tg.World.Fail("EditMessage", telegramtest.Fault{Hang: true})
		r.after(8 * time.Second) // the bar has moved, in vain
		began := time.Now()
		r.chat.User("Ann").Says("/help")
		_, err := r.chat.AwaitMessage(t.Context(), "What I can do")
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Second)
		r.after(40 * time.Second)
		require.GreaterOrEqual(t, r.card().Position, 40*time.Second, "tried again")
	})
}
