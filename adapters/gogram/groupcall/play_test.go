package groupcall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

func TestPlayIsHeardAndLeaveLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()

	require.NoError(t, r.calls.Play(r.ctx, r.chat.ID(), r.tones(440)))
	require.Equal(t, groupcall.In, r.calls.State(r.chat.ID()))
	tones, err := call.Tones(r.ctx, r.dj, 1)
	require.NoError(t, err)
	require.InDelta(t, 440, tones[0].Frequency, 5)
	require.NoError(t, await[groupcall.TrackEnded](r, 1).Err)
	require.NoError(t, r.calls.Play(r.ctx, r.chat.ID(), r.tones(660)))
	tones, err = call.Tones(r.ctx, r.dj, 2)
	require.NoError(t, err)
	require.InDelta(t, 660, tones[1].Frequency, 5)

	require.NoError(t, r.calls.Leave(r.ctx, r.chat.ID()))
	require.Equal(t, groupcall.Out, r.calls.State(r.chat.ID()))
	_, in := call.Participant(r.dj)
	require.False(t, in)
	require.Len(t, r.world.Requests("Join"), 1)
	require.Empty(t, r.world.Requests("Edit"), "there is nothing to be changed")
	require.NoError(t, await[groupcall.Left](r, 1).Err)
}
