package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A silence of 20 s is waited out, one of 90 s replaced by another connection, at the
// place.
func TestScenario14_BlackOut(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]time.Duration{"20 s": 20 * time.Second, "90 s": 90 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inEveryWeather(t, func(t *testing.T, s *stage) {
				chat, call := s.newChat("Friends")
				s.start()
				s.play(chat.User("Ann"), s.song("Scale", time.Second, scale(120)...))
				s.hears(call, 300, 325, 350, 375, 400, 425)
				p, _ := call.Participant(s.djs[0])
				p.Media.BlackOut(length)
				if length < 30*time.Second {
					s.hears(call, 300, 325, 350, 300+25*26)
					require.Len(t, s.joins(), 1)
					return
				}
				last := s.lastOf(p)
				s.inCall(call)
				// The place is that of the server's last sign of life: of the checks each 2 s
				// at the least.
				place := second(s.heard(call, 1)[0].Frequency)
				require.GreaterOrEqual(t, place, last-3)
				require.LessOrEqual(t, place, last+1)
				require.Len(t, call.Participants(), 2, "no sound twice")
				require.LessOrEqual(t, len(s.joins()), 3)
			})
		})
	}
}

// The call ends: the place is kept, and the next call goes on there by itself; when none
// comes in time, by /resume.
func TestScenario15_CallEnds(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.config.Times.Patience = 12 * time.Second
		s.start()
		ann := chat.User("Ann")
		s.play(ann, s.song("Scale", time.Second, scale(60)...))
		s.hears(call, 300, 325, 350)
		p, _ := call.Participant(s.djs[0])
		said := len(chat.Said())
		call.Discard()
		last := s.lastOf(p)
		_, err := chat.AwaitMessage(s.ctx, "ended")
		require.NoError(t, err)
		require.LessOrEqual(t, len(chat.Said()), said+2, "no spam")
		next := chat.StartCall()
		next.Enter(ann.User)
		p = s.inCall(next)
		require.InDelta(t, last, second(s.heard(next, 1)[0].Frequency), 1)

		s.heard(next, 2)
		next.Discard()
		last = s.lastOf(p)
		<-time.After(15 * time.Second)
		third := chat.StartCall()
		third.Enter(ann.User)
		<-time.After(3 * time.Second)
		_, in := third.Participant(s.djs[0])
		require.False(t, in, "only when it is asked")
		ann.Says("/resume")
		s.inCall(third)
		require.InDelta(t, last, second(s.heard(third, 1)[0].Frequency), 1.5)
	})
}

// An admin's mute is a pause: the hand is raised once, and it is said once.
func TestScenario16_AdminMute(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		s.play(chat.User("Ann"), s.song("Scale", time.Second, scale(60)...))
		s.hears(call, 300, 325)
		call.Mute(s.djs[0])
		s.handRaised(call)
		_, err := chat.AwaitMessage(s.ctx, "muted me")
		require.NoError(t, err)
		before, err := s.client().Position(chat.ID())
		require.NoError(t, err)
		said := len(chat.Said())
		<-time.After(2 * time.Second)
		at, err := s.client().Position(chat.ID())
		require.NoError(t, err)
		require.Equal(t, before, at, "paused")
		require.Len(t, chat.Said(), said, "it is said once")
		call.Unmute(s.djs[0])
		s.speaks(call)
		tones := s.heard(call, 5)
		for i := range tones {
			require.Equal(t, i, second(tones[i].Frequency), "nothing is left out")
		}

		// Three times in two seconds: at most three edits, and the right end.
		edits := len(s.edits())
		for range 3 {
			call.Mute(s.djs[0])
			<-time.After(330 * time.Millisecond)
			call.Unmute(s.djs[0])
			<-time.After(330 * time.Millisecond)
		}
		s.speaks(call)
		n := len(s.heard(call, 1))
		s.heard(call, n+2)
		if !s.storm { // a lost answer is a reason to send it again
			require.LessOrEqual(t, len(s.edits())-edits, 3)
		}
	})
}

// Who joins must be allowed to speak; and nobody listens.
func TestScenario17_JoinMutedAndAlone(t *testing.T) {
	t.Parallel()
	t.Run("join muted", func(t *testing.T) {
		inEveryWeather(t, func(t *testing.T, s *stage) {
			chat, call := s.newChat("Friends")
			call.SetJoinMuted(true)
			s.start()
			s.play(chat.User("Ann"), s.song("Scale", time.Second, scale(60)...))
			s.inCall(call)
			s.handRaised(call)
			call.Unmute(s.djs[0])
			s.speaks(call)
			require.LessOrEqual(t, second(s.heard(call, 1)[0].Frequency), 2, "next to nothing is missed")
			s.heard(call, 3)
		})
	})
	t.Run("alone", func(t *testing.T) {
		inEveryWeather(t, func(t *testing.T, s *stage) {
			chat, call := s.newChat("Friends")
			listener := chat.User("Listener").User
			s.config.Times.Alone = 8 * time.Second
			s.start()
			s.play(chat.User("Ann"), s.song("Song", 2*time.Minute, 440))
			s.hears(call, 440)
			call.Exit(listener)
			<-time.After(6 * time.Second)
			call.Enter(listener)
			<-time.After(6 * time.Second)
			p, in := call.Participant(s.djs[0])
			require.True(t, in, "somebody came back")
			call.Exit(listener)
			s.await("leave", func() bool { _, in := call.Participant(s.djs[0]); return !in })
			leaves := s.world.Requests("Leave")
			require.Equal(t, p.SSRC, leaves[0].Args)
			_, err := chat.AwaitMessage(s.ctx, "Nobody was listening")
			require.NoError(t, err)
		})
	})
}

// The account joins from a phone: the bot lets go, and leaves nothing for it.
func TestScenario18_OtherDevice(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		s.play(chat.User("Ann"), s.song("Song", time.Minute, 440))
		s.hears(call, 440)
		call.EnterElsewhere(s.djs[0])
		_, err := chat.AwaitMessage(s.ctx, "another device")
		require.NoError(t, err)
		require.Empty(t, s.world.Requests("Leave"))
		_, in := call.Participant(s.djs[0])
		require.True(t, in, "the phone")
		require.Empty(t, s.client().Calls())
	})
}

// The chat is lost: nothing more is sent to it, and other chats go on.
func TestScenario19_LostChat(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		other, otherCall := s.newChat("Others")
		s.start()
		s.play(chat.User("Ann"), s.song("Song", time.Minute, 440))
		s.play(other.User("Ann"), s.song("Other", time.Minute, 880))
		s.hears(call, 440)
		s.hears(otherCall, 880)
		chat.Remove(s.djs[0])
		id, _ := s.tg.Self()
		bot, _ := s.world.User(id)
		chat.Remove(bot)
		s.await("let go", func() bool {
			_, playing := s.client().Calls()[chat.ID()]
			return !playing
		})
		<-time.After(3 * time.Second)
		sent := len(s.world.Requests())
		n, err := s.inCall(otherCall).Media.Heard(s.ctx, 0)
		require.NoError(t, err)
		_, err = s.inCall(otherCall).Media.Heard(s.ctx, n+5*time.Second)
		require.NoError(t, err, "the other chat goes on")
		for _, q := range s.world.Requests()[sent:] {
			require.NotEqual(t, chat.ID(), q.Chat, "%s", q.Method)
		}
		require.Len(t, s.client().Calls(), 1)
	})
}

// A basic group becomes a supergroup in the middle of a song.
func TestScenario20_Migration(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		group := s.tg.NewBasicGroup("Small", s.djs[0])
		call := group.StartCall()
		call.Enter(group.User("Listener").User)
		s.start()
		ann := group.User("Ann")
		s.play(ann, s.song("Scale", time.Second, scale(60)...))
		s.hears(call, 300, 325)
		s.play(ann, s.song("Next", 20*time.Second, 2000))
		_, err := group.AwaitMessage(s.ctx, "Next")
		require.NoError(t, err)
		p, _ := call.Participant(s.djs[0])
		super := group.Migrate()
		last := s.lastOf(p)
		s.inCall(call)
		require.InDelta(t, last, second(s.heard(call, 1)[0].Frequency), 2)
		ann = super.User("Ann")
		ann.Says("/queue")
		_, err = super.AwaitMessage(s.ctx, "1.", "Next")
		require.NoError(t, err)
		ann.Says("/skip")
		s.hears(call, 2000)
	})
}
