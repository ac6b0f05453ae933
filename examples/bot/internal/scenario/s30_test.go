package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/chattest"
)

// Chats live at random: commands, buttons, kicks, ends of calls, mutes, floods, lost
// answers. Every command is answered, and in the end each chat plays and has in its queue
// what it should.
func TestScenario30_Soak(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		length, seed := soakLength, rand.Uint64()
		if d := os.Getenv("DURATION"); d != "" {
			var err error
			length, err = time.ParseDuration(d)
			require.NoError(t, err)
		}
		if n := os.Getenv("SEED"); n != "" {
			var err error
			seed, err = strconv.ParseUint(n, 10, 64)
			require.NoError(t, err)
		}
		t.Logf("SEED=%d DURATION=%s", seed, length)
		s.limit(length + 3*time.Minute)
		s.config.Limits.UserBurst, s.config.Limits.ChatPerMinute = 1000, 1000 // the pace is ours
		songs := s.songs(8)
		var lives []*life
		for i := range soakChats {
			l := &life{s: s, rand: rand.New(rand.NewPCG(seed, uint64(i))), songs: songs}
			l.chat, l.call = s.newChat(fmt.Sprintf("Chat %d", i))
			lives = append(lives, l)
		}
		s.start()
		var all sync.WaitGroup
		until := time.Now().Add(length)
		for _, l := range lives {
			all.Go(func() { l.live(t, until) })
		}
		all.Wait()
		var slowest time.Duration
		for _, l := range lives {
			slowest = max(slowest, l.slowest)
		}
		t.Logf("slowest answer %v, %d goroutines", slowest, runtime.NumGoroutine())
	})
}

// songs makes songs that are longer than the soak, one tone each.
func (s *stage) songs(n int) []chattest.File {
	var all []chattest.File
	for i := range n {
		all = append(all, s.sine(fmt.Sprintf("Tone %d", i), soakSong, 400+100*float64(i)))
	}
	return all
}

// life is that of one chat, and a model of its queue.
type life struct {
	s     *stage
	chat  *chattest.Chat
	call  *telegramtest.Call
	rand  *rand.Rand
	songs []chattest.File

	titles  []string // what plays, and what waits
	played  int      // how many songs were asked for
	kicked  bool
	slowest time.Duration
}

// answerBound is how long a command may be without an answer.
const answerBound = 10 * time.Second

func (l *life) live(t *testing.T, until time.Time) {
	l.play(t)
	for time.Now().Before(until) && !t.Failed() {
		<-time.After(time.Duration(2+l.rand.IntN(3)) * time.Second) // within 20 messages a minute
		l.step(t)
	}
	l.finish(t)
}

// step does something at random.
func (l *life) step(t *testing.T) {
	user := l.user()
	switch n := l.rand.IntN(20); {
	case n < 4 && len(l.titles) < 6:
		l.play(t)
	case n < 7 && len(l.titles) > 1:
		l.titles = l.titles[1:]
		l.command(t, "/skip", func() bool { return l.shows(l.titles[0]) })
	case n < 8 && len(l.titles) > 2:
		l.titles = slices.Delete(l.titles, 1, 2)
		l.command(t, "/remove 1", l.saidSomething())
	case n < 10:
		l.command(t, "/pause", nil)
	case n < 12:
		l.command(t, "/resume", nil)
	case n < 13:
		l.command(t, fmt.Sprintf("/seek 0:%02d", l.rand.IntN(60)), nil)
	case n < 14:
		l.s.world.Fail("Join", telegramtest.Fault{By: l.s.djs[0].ID, Chat: l.chat.ID(), Lost: true})
		l.discard(time.Second)
	case n < 15:
		l.s.world.Fail("Join", telegramtest.Fault{By: l.s.djs[0].ID, Chat: l.chat.ID(), Err: groupcall.ErrTransient})
		l.discard(3 * time.Second)
	case n < 16:
		l.call.Mute(l.s.djs[0])
		<-time.After(time.Second)
		l.call.Unmute(l.s.djs[0])
	case n < 17 && !l.kicked:
		l.kicked = true // the second time the bot stays out
		l.call.Kick(l.s.djs[0])
	default:
		l.press(t, user)
	}
}

// user returns one of a few users.
func (l *life) user() *chattest.User {
	return l.chat.User([]string{"Ann", "Bob", "Cem"}[l.rand.IntN(3)])
}

// discard ends the call and begins another.
func (l *life) discard(pause time.Duration) {
	l.call.Discard()
	<-time.After(pause)
	l.call = l.chat.StartCall()
	l.call.Enter(l.chat.User("Listener").User)
}

// play asks for another song.
func (l *life) play(t *testing.T) {
	song := l.songs[l.rand.IntN(len(l.songs))]
	l.played++
	song.Title = fmt.Sprintf("%s of %d", song.Title, l.played)
	l.titles = append(l.titles, song.Title)
	u := l.user()
	sent := u.Sends(song)
	l.answered(t, "/play", func() { u.Replies(sent, "/play") }, func() bool {
		return slices.ContainsFunc(l.chat.Said(), func(m chattest.Message) bool { return strings.Contains(m.Text, song.Title) })
	})
}

// command types a command, and waits for what it is to lead to.
func (l *life) command(t *testing.T, text string, done func() bool) {
	u := l.user()
	l.answered(t, text, func() { u.Says(text) }, done)
}

// saidSomething returns whether the bot has said more than now.
func (l *life) saidSomething() func() bool {
	count := func() (n int) {
		for _, m := range l.chat.Said() {
			n += 1 + m.Edits
		}
		return n
	}
	before := count()
	return func() bool { return count() > before }
}

// shows reports whether the card is that of a title.
func (l *life) shows(title string) bool {
	card, ok := l.chat.Card()
	return ok && card.Title == title
}

// answered does something and waits for its answer. done is nil for what may change
// nothing.
func (l *life) answered(t *testing.T, what string, do func(), done func() bool) {
	began := time.Now()
	do()
	if done == nil {
		return
	}
	l.s.await(what, done)
	took := time.Since(began)
	l.slowest = max(l.slowest, took)
	if took > answerBound {
		t.Errorf("%s was answered after %v", what, took)
	}
}

// press presses a button that changes nothing for good. That it is answered within 10 s
// is for the World to check.
func (l *life) press(t *testing.T, u *chattest.User) {
	card, ok := l.chat.Card()
	button := []string{"⏯", "⏪", "⏩", "📜"}[l.rand.IntN(4)]
	if !ok || !slices.Contains(card.Buttons, button) {
		return
	}
	_, err := l.s.tg.AwaitAnswer(l.s.ctx, u.Presses(card.Message, button))
	require.NoError(t, err)
}

// finish brings the chat to rest, and compares it with its model.
func (l *life) finish(t *testing.T) {
	dj := l.s.djs[0]
	l.s.await("in the call at the end", func() bool { _, ok := l.call.Participant(dj); return ok })
	l.command(t, "/resume", nil)
	l.s.await("play at the end", func() bool {
		card, ok := l.chat.Card()
		return ok && card.Title == l.titles[0] && card.State == chattest.Playing
	})
	card, _ := l.chat.Card()
	require.Equal(t, len(l.titles)-1, card.InQueue)
	if len(l.titles) > 1 {
		require.Equal(t, l.titles[1], card.Next)
	}
	l.command(t, "/stop", func() bool { _, ok := l.call.Participant(dj); return !ok })
}
