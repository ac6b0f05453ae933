package groupcall_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// What follows plays in real time, with ffmpeg and a server: what is heard is the proof.

func TestPlayIsHeardAndLeaveLeaves(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()

	require.NoError(t, r.calls.Play(r.ctx, r.id, r.tones(time.Second, 440)))
	require.Equal(t, groupcall.In, r.state())
	tones, err := call.Tones(r.ctx, r.dj, 1)
	require.NoError(t, err)
	require.InDelta(t, 440, tones[0].Frequency, 5)
	require.NoError(t, await[groupcall.TrackEnded](r, 1).Err)
	require.NoError(t, r.calls.Play(r.ctx, r.id, r.tones(time.Second, 660)))
	tones, err = call.Tones(r.ctx, r.dj, 2)
	require.NoError(t, err)
	require.InDelta(t, 660, tones[1].Frequency, 5)

	require.NoError(t, r.calls.Leave(r.ctx, r.id))
	require.Equal(t, groupcall.Out, r.state())
	_, in := call.Participant(r.dj)
	require.False(t, in)
	require.Len(t, r.world.Requests("Join"), 1)
	require.Empty(t, r.world.Requests("Edit"), "there is nothing to be changed")
	require.NoError(t, await[groupcall.Left](r, 1).Err)
}

func TestPlayAtAPositionIsHeardFromThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()
	require.NoError(t, r.calls.PlayAt(r.ctx, r.id, r.scale(20), 10*time.Second))
	require.Equal(t, []int{10, 11}, r.seconds(call, 2)[:2], "nothing of what is before")
	require.NoError(t, r.calls.PlayAt(r.ctx, r.id, r.scale(20), 5*time.Second))
	heard := r.seconds(call, 5)
	after := slices.Index(heard, 5)
	require.Positive(t, after, "%v", heard)
	require.NotContains(t, heard, 0)
}

// quick has a connection lost within seconds, as one is within a minute in truth.
var quick = setting{client: []gotgcall.Option{
	gotgcall.WithICETimeouts(time.Second, 4*time.Second, 500*time.Millisecond),
}, world: []telegramtest.Option{telegramtest.WithSilence(4 * time.Second)}}

// next returns the first second of a scale that is heard after a rejoin, and the last
// one before it.
func (r *rig) next(call *telegramtest.Call, old telegramtest.Participant) (first, last int) {
	r.t.Helper()
	tones, _ := old.Media.Tones(r.ctx, 1000) // those until it was gone
	require.NotEmpty(r.t, tones)
	return r.seconds(call, 1)[0], second(tones[len(tones)-1])
}

func TestKickedAccountIsHeardAgainAtThePlace(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()
	require.NoError(t, r.calls.Play(r.ctx, r.id, r.scale(40)))
	r.seconds(call, 3)
	old, _ := call.Participant(r.dj)
	call.Kick(r.dj)
	began := time.Now()
	await[groupcall.Restored](r, 1)
	require.Less(t, time.Since(began), 10*time.Second)
	first, last := r.next(call, old)
	require.InDelta(t, last, first, 1)

	r.seconds(call, 2)
	call.Kick(r.dj)
	left := await[groupcall.Left](r, 1)
	require.ErrorIs(t, left.Err, groupcall.ErrRemoved)
	require.InDelta(t, float64(first+2), left.At.Seconds(), 1.5, "the place is said")
	_, in := call.Participant(r.dj)
	require.False(t, in)
}

func TestSilentConnectionGoesOnOrIsReplaced(t *testing.T) {
	t.Parallel()
	t.Run("short", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, quick)
		call := r.chat.StartCall()
		require.NoError(t, r.calls.Play(r.ctx, r.id, r.scale(40)))
		r.seconds(call, 2)
		p, _ := call.Participant(r.dj)
		p.Media.BlackOut(2 * time.Second)
		heard := r.seconds(call, 6)
		require.IsIncreasing(t, heard)
		require.Len(t, r.world.Requests("Join"), 1)
		require.Zero(t, count[groupcall.Interrupted](r))
	})
	t.Run("long", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, quick)
		call := r.chat.StartCall()
		require.NoError(t, r.calls.Play(r.ctx, r.id, r.scale(40)))
		r.seconds(call, 3)
		old, _ := call.Participant(r.dj)
		old.Media.BlackOut(9 * time.Second)
		await[groupcall.Restored](r, 1)
		first, last := r.next(call, old)
		require.InDelta(t, last, first, 1)
		require.Len(t, call.Participants(), 1, "no doubled sound")
		require.Len(t, r.world.Requests("Join"), 2)
	})
}

func TestNextCallOfTheChatGoesOnAtThePlace(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()
	require.NoError(t, r.calls.Play(r.ctx, r.id, r.scale(40)))
	r.seconds(call, 3)
	old, _ := call.Participant(r.dj)
	call.Discard()
	require.ErrorIs(t, await[groupcall.Waiting](r, 1).Err, groupcall.ErrCallEnded)
	another := r.chat.StartCall()
	await[groupcall.Restored](r, 1)
	first, last := r.next(another, old)
	require.InDelta(t, last, first, 1)
}

func TestAdminMuteIsHeardAsAPause(t *testing.T) {
	t.Parallel()
	r := newRig(t, setting{})
	call := r.chat.StartCall()
	require.NoError(t, r.calls.Play(r.ctx, r.id, r.scale(40)))
	r.seconds(call, 3)
	call.Mute(r.dj)
	await[groupcall.Silenced](r, 1)
	at, err := r.client.Position(r.id)
	require.NoError(t, err)
	call.Unmute(r.dj)
	await[groupcall.Unsilenced](r, 1)
	p, _ := call.Participant(r.dj)
	require.False(t, p.Muted)
	heard := r.seconds(call, 6)
	require.IsIncreasing(t, heard)
	require.LessOrEqual(t, heard[5], int(at.Seconds())+4, "nothing is left out")
}

func TestTheSoundIsSetBeforeTheFirstSource(t *testing.T) {
	t.Parallel()
	sound := gotgcall.Sound{Volume: 40}
	set := setting{calls: []groupcall.Option{groupcall.WithSound(func(int64) gotgcall.Sound { return sound })}}
	inVirtualTime(t, set, func(t *testing.T, r *rig) {
		r.chat.StartCall()
		require.NoError(t, r.calls.Play(r.ctx, r.id, song{"a"}))
		require.NoError(t, r.calls.Play(r.ctx, r.id, song{"b"}))
		require.Equal(t, []gotgcall.Sound{sound}, r.lib.sounds, "once for a call")
		require.NoError(t, r.calls.Leave(r.ctx, r.id))
		require.NoError(t, r.calls.Play(r.ctx, r.id, song{"c"}))
		require.Len(t, r.lib.sounds, 2)
	})
}
