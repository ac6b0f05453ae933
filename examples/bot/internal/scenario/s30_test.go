package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
		if soakAlone && !s.storm {
			t.Skip("the weather's turn")
		}
		before := measure(t)
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
		s.limit(length + 2*time.Minute)
		s.config.Limits.UserBurst, s.config.Limits.ChatPerMinute = 1000, 1000 // the pace is ours
		songs := s.songs(4, length+3*time.Minute)
		for i := range soakAccounts - 1 {
			s.djs = append(s.djs, s.world.NewUser(fmt.Sprintf("DJ %d", i+2)))
		}
		var lives []*life
		for i := range soakChats {
			l := &life{s: s, rand: rand.New(rand.NewPCG(seed, uint64(i))), songs: songs}
			l.chat, l.call = s.newChat(fmt.Sprintf("Chat %d", i))
			l.chat.Add(s.djs...)
			for _, name := range soakUsers { // admins, so that nothing is voted on
				l.chat.SetRole(l.chat.User(name).User, telegramtest.Admin)
			}
			lives = append(lives, l)
		}
		s.start()
		var all sync.WaitGroup
		until := time.Now().Add(length)
		for i, l := range lives {
			all.Go(func() {
				if err := l.live(until); err != nil {
					t.Errorf("chat %d, SEED=%d, after %q: %v", i, seed, l.story, err)
				}
			})
		}
		all.Wait()
		var slowest time.Duration
		for _, l := range lives {
			slowest = max(slowest, l.slowest)
		}
		t.Logf("slowest answer %v; the process now: %+v", slowest, measure(t))
		s.stop()
		left, err := filepath.Glob(filepath.Join(s.mediaDir(), "*"))
		require.NoError(t, err)
		require.Empty(t, left)
		if soakAlone {
			require.Eventually(t, func() bool {
				now := measure(t)
				return now.goroutines <= before.goroutines+soakChats+2 && now.descriptors <= before.descriptors+soakChats
			}, 30*time.Second, 100*time.Millisecond, "before %+v, after %+v", before, measure(t))
		}
	})
}

// usage is what the process holds.
type usage struct{ goroutines, descriptors int }

// measure returns what the process holds; no descriptors where they cannot be counted.
func measure(t *testing.T) usage {
	t.Helper()
	open, _ := os.ReadDir("/proc/self/fd")
	return usage{goroutines: runtime.NumGoroutine(), descriptors: len(open)}
}

// soakUsers are the users of each chat.
var soakUsers = []string{"Ann", "Bob", "Cem"}

// songs makes songs that are longer than the soak, one tone each.
func (s *stage) songs(n int, length time.Duration) []chattest.File {
	var all []chattest.File
	for i := range n {
		song := s.sine(fmt.Sprintf("Tone %d", i), length, 400+100*float64(i))
		song.Rate = 100 << 20 // one is downloaded at a time, for all chats
		all = append(all, song)
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
	story   []string
}

// answerBound is how long a command may be without an answer.
const answerBound = 10 * time.Second

func (l *life) live(until time.Time) error {
	err := l.play()
	for err == nil && time.Now().Before(until) {
		// A command costs an answer and an edit of the card, of 20 a minute.
		<-time.After(time.Duration(4000+l.rand.IntN(4000)) * time.Millisecond)
		err = l.step()
	}
	if err != nil {
		return err
	}
	return l.finish()
}

// step does something at random.
func (l *life) step() error {
	switch n := l.rand.IntN(20); {
	case n < 4 && len(l.titles) < 6:
		return l.play()
	case n < 7 && len(l.titles) > 1:
		l.titles = l.titles[1:]
		return l.command("/skip", l.saidSomething())
	case n < 8 && len(l.titles) > 2:
		l.titles = slices.Delete(l.titles, 1, 2)
		return l.command("/remove 1", l.saidSomething())
	case n < 10:
		return l.command("/pause", nil)
	case n < 12:
		return l.command("/resume", nil)
	case n < 13:
		return l.command(fmt.Sprintf("/seek 0:%02d", l.rand.IntN(60)), nil)
	case n < 14:
		l.discard(telegramtest.Fault{Lost: true}, time.Second)
	case n < 15:
		l.discard(telegramtest.Fault{Err: groupcall.ErrTransient}, 3*time.Second)
	case n < 16:
		l.note("mute for a second")
		if dj, in := l.dj(); in {
			l.call.Mute(dj)
			<-time.After(time.Second)
			l.call.Unmute(dj)
		}
	case n < 17 && !l.kicked:
		l.note("kick")
		l.kicked = true // the second time the bot stays out
		l.call.Kick(l.s.djs...)
	default:
		return l.press(l.user())
	}
	return nil
}

func (l *life) note(what string) { l.story = append(l.story, what) }

// user returns one of the users.
func (l *life) user() *chattest.User {
	return l.chat.User(soakUsers[l.rand.IntN(len(soakUsers))])
}

// dj returns the account that is in the call.
func (l *life) dj() (dj groupcall.User, in bool) {
	for _, dj := range l.s.djs {
		if _, in := l.call.Participant(dj); in {
			return dj, true
		}
	}
	return groupcall.User{}, false
}

// discard ends the call and begins another, into which the first join fails.
func (l *life) discard(join telegramtest.Fault, pause time.Duration) {
	l.note(fmt.Sprintf("discard for %v, then %+v", pause, join))
	if _, in := l.dj(); in {
		join.Chat = l.chat.ID()
		l.s.world.Fail("Join", join)
	}
	l.call.Discard()
	<-time.After(pause)
	l.call = l.chat.StartCall()
	l.call.Enter(l.chat.User("Listener").User)
}

// play asks for another song.
func (l *life) play() error {
	song := l.songs[l.rand.IntN(len(l.songs))]
	l.played++
	song.Title = fmt.Sprintf("%s of %d", song.Title, l.played)
	l.titles = append(l.titles, song.Title)
	u := l.user()
	sent := u.Sends(song)
	return l.answered("/play "+song.Title, func() { u.Replies(sent, "/play") }, func() bool {
		return slices.ContainsFunc(l.chat.Said(), func(m chattest.Message) bool { return strings.Contains(m.Text, song.Title) })
	})
}

// command types a command, and waits for what it is to lead to.
func (l *life) command(text string, done func() bool) error {
	u := l.user()
	return l.answered(text, func() { u.Says(text) }, done)
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

// answered does something and waits for its answer. done is nil for what may change
// nothing.
func (l *life) answered(what string, do func(), done func() bool) error {
	l.note(what)
	began, said := time.Now(), len(l.chat.Said())
	do()
	if done == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.s.ctx, answerBound)
	defer cancel()
	err := l.s.world.Wait(ctx, func() bool { return done() || l.refused(said) })
	if err == nil && !done() { // an answer that the bot needed was lost, and it says so
		do()
		err = l.s.world.Wait(ctx, done)
	}
	l.slowest = max(l.slowest, time.Since(began))
	if err != nil {
		return fmt.Errorf("%s has no answer in %v; the bot says %s", what, answerBound, l.chat.Transcript())
	}
	return nil
}

// refused reports whether the bot has asked to try again, in one of its messages from
// the n-th on.
func (l *life) refused(n int) bool {
	return slices.ContainsFunc(l.chat.Said()[n:], func(m chattest.Message) bool { return strings.Contains(m.Text, "Try again.") })
}

// press presses a button that changes nothing for good. That it is answered within 10 s
// is for the World to check.
func (l *life) press(u *chattest.User) error {
	card, ok := l.chat.Card()
	button := []string{"⏯", "⏪", "⏩", "📜"}[l.rand.IntN(4)]
	if !ok || !slices.Contains(card.Buttons, button) {
		return nil
	}
	l.note("press " + button)
	_, err := l.s.tg.AwaitAnswer(l.s.ctx, u.Presses(card.Message, button))
	return err
}

// restTime is how long a chat may take to come to rest: to join again after all that has
// failed.
const restTime = time.Minute

// finish brings the chat to rest, and compares it with its model.
func (l *life) finish() error {
	ctx, cancel := context.WithTimeout(l.s.ctx, restTime)
	defer cancel()
	l.note("finish")
	<-time.After(time.Second) // the weather reorders two commands at once
	err := l.s.world.Wait(ctx, func() bool { _, in := l.dj(); return in })
	if err != nil {
		return fmt.Errorf("it does not come back into the call: %s", l.chat.Transcript())
	}
	if err := l.command("/resume", nil); err != nil {
		return err
	}
	err = l.s.world.Wait(ctx, func() bool {
		card, ok := l.chat.Card()
		return ok && card.Title == l.titles[0] && card.State == chattest.Playing && card.InQueue == len(l.titles)-1 &&
			(len(l.titles) == 1 || card.Next == l.titles[1])
	})
	if err != nil {
		return fmt.Errorf("want %q playing, but %s", l.titles, l.chat.Transcript())
	}
	return l.command("/stop", func() bool { _, in := l.dj(); return !in })
}
