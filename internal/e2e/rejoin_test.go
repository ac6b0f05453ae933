package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// tonesIn returns the order of the tones that a stretch of packets holds, whenever they
// were sent.
func tonesIn(t *testing.T, packets []mediatest.Packet) []int {
	t.Helper()
	var order []int
	serially(func() {
		pcm, err := mediatest.DecodeOpusInOrder(packets)
		require.NoError(t, err)
		for _, tone := range pcm.Tones() {
			order = append(order, tone.Index)
		}
	})
	return order
}

// rejoin joins with a payload and connects with the answer.
func (s *fixture) rejoin(t *testing.T, chat int64, params string) *sfu.Participant {
	t.Helper()
	answer, err := s.server.Join(context.Background(), params)
	require.NoError(t, err)
	require.NoError(t, s.Connect(chat, answer))
	ssrc, err := s.AudioSSRC(chat)
	require.NoError(t, err)
	return s.server.Participant(ssrc)
}

// TestRejoinOfALiveCallPlaysOn: the old connection plays until the new one is up,
// which goes on where it was.
func TestRejoinOfALiveCallPlaysOn(t *testing.T) {
	t.Parallel()
	s, first := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 6}), gotgcall.EncodeOptions{}))
	s.awaitPosition(t, chat, 1500*time.Millisecond)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	s.awaitPosition(t, chat, 3500*time.Millisecond)
	second := s.rejoin(t, chat, params)
	require.NotEqual(t, first.SSRC(), second.SSRC())
	<-first.Done()
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	sound, _ := s.leave(t, chat, second)
	require.Equal(t, []int{0, 1, 2, 3}, tonesIn(t, s.received(first.SSRC())))
	require.Equal(t, []int{3, 4, 5}, tonesIn(t, sound))
	require.Equal(t, 301, len(s.received(first.SSRC()))+len(sound), "not a frame lost between them")
	require.Empty(t, first.Violations())
	require.Empty(t, s.ends)
}

// TestRejoinWaitsForTheNewConnection: the server drops the old participant as soon
// as it hears of the new join, so what plays is held until the new one is up.
func TestRejoinWaitsForTheNewConnection(t *testing.T) {
	t.Parallel()
	s, first := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 4}), gotgcall.EncodeOptions{}))
	s.awaitPosition(t, chat, 1500*time.Millisecond)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	first.Kick()
	require.Equal(t, gotgcall.Connecting, <-s.states)
	require.Equal(t, gotgcall.Connected, <-s.states)
	require.Equal(t, gotgcall.Disconnected, <-s.states)
	second := s.rejoin(t, chat, params)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	sound, _ := s.leave(t, chat, second)
	require.Equal(t, []int{1, 2, 3}, tonesIn(t, sound))
	require.Empty(t, s.ends)
}

// TestRejoinOfALostCallGoesOnWhereItWas: position, pause and mute are kept.
func TestRejoinOfALostCallGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s, first := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 5}), gotgcall.EncodeOptions{}))
	s.awaitPosition(t, chat, 2500*time.Millisecond)
	_, err := s.Pause(chat)
	require.NoError(t, err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	first.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	second := s.rejoin(t, chat, params)
	state, err := s.GetState(chat)
	require.NoError(t, err)
	require.True(t, state.Paused)
	now, err := s.Position(chat)
	require.NoError(t, err)
	require.InDelta(t, at.Seconds(), now.Seconds(), 0.04)
	_, err = s.Resume(chat)
	require.NoError(t, err)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	sound, _ := s.leave(t, chat, second)
	require.Equal(t, []int{2, 3, 4}, tonesIn(t, sound))

	_, err = s.Rejoin(chat)
	require.ErrorIs(t, err, gotgcall.ErrConnectionNotFound, "it was stopped, not lost")
}

func TestFailedRejoinLeavesTheOldConnection(t *testing.T) {
	t.Parallel()
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 2}), gotgcall.EncodeOptions{}))
	_, err := s.Rejoin(chat)
	require.NoError(t, err)
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrInvalidParams)
	require.ErrorIs(t, s.Connect(chat, "{}"), gotgcall.ErrConnectionExists, "each rejoin has one answer")
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	s.checkTones(t, packets, 2*time.Second)
}
