package scenario

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// SSRCs in use: each try has fresh ones.
func TestScenario09_SSRCsInUse(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.world.Fail("Join", telegramtest.Fault{Err: groupcall.ErrFresh, Times: 2})
		s.start()
		s.play(chat.User("Ann"), s.song("Song", 10*time.Second, 440))
		s.hears(call, 440)
		of := map[uint32]int{}
		for i, join := range s.joins()[:3] {
			for _, ssrc := range join.SSRCs {
				first, known := of[ssrc]
				require.True(t, !known || first == i, "%d of join %d was in join %d", ssrc, i, first)
				of[ssrc] = i
			}
		}
		require.Len(t, call.Participants(), 2, "the account and a listener")
	})
}

// A flood is said and waited for, by all chats of the account; the World checks that
// nothing is sent before its end.
func TestScenario10_JoinFloods(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		other, otherCall := s.newChat("Others")
		s.world.Fail("Join", telegramtest.Fault{Err: &groupcall.Flood{Wait: 38 * time.Second}})
		s.start()
		began := time.Now()
		s.play(chat.User("Ann"), s.song("Song", 10*time.Second, 440))
		_, err := chat.AwaitMessage(s.ctx, "38 s")
		require.NoError(t, err)
		s.play(other.User("Ann"), s.song("Other", 10*time.Second, 880))
		_, err = other.AwaitMessage(s.ctx, "wait")
		require.NoError(t, err)
		s.hears(call, 440)
		s.hears(otherCall, 880)
		require.GreaterOrEqual(t, time.Since(began), 38*time.Second)
	})
}

// A join whose answer is lost: the account is in the call once, and heard.
func TestScenario11_LostAnswer(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.world.Fail("Join", telegramtest.Fault{Lost: true})
		s.start()
		s.play(chat.User("Ann"), s.song("Song", 10*time.Second, 440))
		s.hears(call, 440)
		require.Len(t, call.Participants(), 2, "the account and a listener")
		p, _ := call.Participant(s.djs[0])
		ssrc, err := s.client().AudioSSRC(chat.ID())
		require.NoError(t, err)
		require.Equal(t, ssrc, p.SSRC)
	})
}

// The call is another one when the join arrives.
func TestScenario12_StaleCall(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.world.Fail("Join", telegramtest.Fault{Delay: time.Second})
		s.start()
		s.play(chat.User("Ann"), s.song("Song", 10*time.Second, 440))
		s.await("join", func() bool { return len(s.joins()) == 1 })
		call.Discard()
		next := chat.StartCall()
		next.Enter(chat.User("Listener").User)
		s.hears(next, 440)
		require.Empty(t, call.Past()[1:], "nobody but the listener was in the call before")
	})
}

// A kicked account comes back to the place once, and then stays out until it is asked.
func TestScenario13_Kick(t *testing.T) {
	inEveryWeather(t, func(t *testing.T, s *stage) {
		chat, call := s.newChat("Friends")
		s.start()
		ann := chat.User("Ann")
		s.play(ann, s.song("Scale", time.Second, scale(60)...))
		s.hears(call, 300)
		ann.Says("/seek 0:18")
		s.hears(call, 300+25*19)
		last := s.kick(call)
		limit := 10 * time.Second
		if s.storm { // where each answer may take a second longer
			limit = time.Minute
		}
		s.within(limit, func() { s.inCall(call) })
		first := second(s.heard(call, 1)[0].Frequency)
		require.InDelta(t, last, first, 1)

		s.heard(call, 2)
		last = s.kick(call)
		_, err := chat.AwaitMessage(s.ctx, "removed")
		require.NoError(t, err)
		_, in := call.Participant(s.djs[0])
		require.False(t, in)
		ann.Says("/play")
		s.inCall(call)
		require.InDelta(t, last, second(s.heard(call, 1)[0].Frequency), 1.5, "the place is kept")
	})
}
