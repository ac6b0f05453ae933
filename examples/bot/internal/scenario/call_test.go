package scenario

import (
	"context"
	"math"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// What the scenarios of calls ask.

// scale returns tones of which each is another one: where each lasts a second, the place
// of a song can be heard.
func scale(seconds int) (tones []float64) {
	for i := range seconds {
		tones = append(tones, 300+25*float64(i))
	}
	return tones
}

// second returns which second of a scale a frequency is.
func second(frequency float64) int { return int(math.Round((frequency - 300) / 25)) }

// joins returns the arguments of every join so far.
func (s *stage) joins() (all []telegramtest.JoinArgs) {
	for _, q := range s.world.Requests("Join") {
		all = append(all, q.Args.(telegramtest.JoinArgs))
	}
	return all
}

// inCall waits until the first account is in a call and connected.
func (s *stage) inCall(call *telegramtest.Call) telegramtest.Participant {
	s.t.Helper()
	p, err := call.Await(s.ctx, s.djs[0])
	require.NoError(s.t, err)
	return p
}

// kick kicks the account and returns the last second that was heard of it.
func (s *stage) kick(call *telegramtest.Call) int {
	s.t.Helper()
	p, in := call.Participant(s.djs[0])
	require.True(s.t, in)
	call.Kick(s.djs[0])
	return s.lastOf(p)
}

// lastOf waits until a participant is gone and returns the last second of a scale that
// was heard of it.
func (s *stage) lastOf(p telegramtest.Participant) int {
	s.t.Helper()
	tones, err := p.Media.Tones(s.ctx, math.MaxInt)
	require.Error(s.t, err)
	require.NotErrorIs(s.t, err, context.DeadlineExceeded)
	require.NotEmpty(s.t, tones)
	return second(tones[len(tones)-1].Frequency)
}

// handRaised waits until the account has raised its hand, paused and muted.
func (s *stage) handRaised(call *telegramtest.Call) {
	s.t.Helper()
	s.await("raise the hand", func() bool { p, _ := call.Participant(s.djs[0]); return p.RaisedHand && p.MutedByAdmin })
}

// speaks waits until the account is not muted.
func (s *stage) speaks(call *telegramtest.Call) {
	s.t.Helper()
	s.await("speak", func() bool { p, in := call.Participant(s.djs[0]); return in && !p.Muted })
}
