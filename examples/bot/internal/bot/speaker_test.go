package bot

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := budget{limit: 18}
		send := func(c class) {
			for wait := b.wait(c, time.Now()); wait > 0; wait = b.wait(c, time.Now()) {
				<-time.After(wait)
			}
			b.spend(time.Now())
		}
		began := time.Now()
		for range 18 {
			send(answer)
		}
		require.InDelta(t, 4, time.Since(began).Seconds(), 0.01, "four in a second")
		send(answer)
		require.Equal(t, time.Minute, time.Since(began), "18 in a minute")

		<-time.After(2 * time.Minute)
		began = time.Now()
		for range 100 {
			send(card)
			require.Zero(t, b.wait(answer, time.Now().Add(time.Second)), "cards leave room for an answer")
			require.LessOrEqual(t, len(b.spent), 18)
		}
		require.Greater(t, time.Since(began), 6*time.Minute)
		require.Less(t, time.Since(began), 9*time.Minute)
	})
}

func TestAnyMinuteHasAtMostTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := budget{limit: 18}
		var sent []time.Time
		for range 2000 {
			for _, c := range []class{answer, card, progress} {
				if b.wait(c, time.Now()) <= 0 {
					b.spend(time.Now())
					sent = append(sent, time.Now())
				}
			}
			<-time.After(170 * time.Millisecond)
		}
		for i := range sent {
			n := 0
			for _, at := range sent[i:] {
				if at.Sub(sent[i]) < time.Minute {
					n++
				}
			}
			require.LessOrEqual(t, n, 18)
		}
	})
}

func TestFloodJudges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var limits Config
		limits.Limits = Limits{UserBurst: 5, UserEvery: 2 * time.Second, ChatPerMinute: 20, PressEvery: 500 * time.Millisecond}
		f := newFlood(limits.Limits)
		passed, warned := 0, 0
		for range 50 * 60 { // a minute of 50 a second
			switch f.command(1, 1) {
			case pass:
				passed++
			case warn:
				warned++
			}
			<-time.After(20 * time.Millisecond)
		}
		require.Equal(t, 5, passed)
		require.Equal(t, 1, warned)
		require.Equal(t, pass, f.command(1, 2), "others are heard")
		<-time.After(11 * time.Second)
		require.Equal(t, pass, f.command(1, 1), "after a while of quiet")

		<-time.After(time.Minute)
		passed = 0
		for user := range int64(40) { // many users of one chat
			if f.command(2, 100+user) == pass {
				passed++
			}
		}
		require.Equal(t, 20, passed)
		require.Equal(t, pass, f.command(3, 100))
		for user := range int64(10_000) {
			f.press(1000 + user)
			<-time.After(time.Second)
		}
		require.LessOrEqual(t, len(f.users), keptUsers+1)
	})
}

func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	s := newSeen()
	for i := range int64(3 * keptEvents) {
		require.False(t, s.again(event{1, i}))
		require.True(t, s.again(event{1, i}))
		require.False(t, s.again(event{2, i}))
	}
	require.Len(t, s.known, keptEvents)
	require.True(t, s.again(event{2, 3*keptEvents - 1}))
}
