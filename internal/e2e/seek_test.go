package e2e_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestSeekLeavesNoHole seeks in a file that plays, and hears both positions with
// no more than a frame between them.
func TestSeekLeavesNoHole(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.mp3", mediatest.AudioSpec{Seconds: 22})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
	s.awaitPosition(t, chat, 2500*time.Millisecond)
	require.NoError(t, s.SeekTo(chat, 19500*time.Millisecond))
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, 19500*time.Millisecond)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	ms, err := s.Time(chat)
	require.NoError(t, err)
	require.InDelta(t, 22000, float64(ms), 60)
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm, err := mediatest.DecodeOpus(packets)
		require.NoError(t, err)
		holes, frame := 0, 20*time.Millisecond
		if s.last.ClockMoves > 0 {
			frame *= 2 // on a machine that is late the seam is too
		}
		for _, gap := range pcm.Gaps {
			if gap.Length.Abs() > frame {
				holes++
			}
		}
		require.LessOrEqual(t, holes, int(s.last.ClockMoves), "%v", pcm.Gaps)
		pcm, err = mediatest.DecodeOpusInOrder(packets)
		require.NoError(t, err)
		heard := pcm.Sweep()
		require.Len(t, heard, 2, "%v", heard)
		require.InDelta(t, 0, heard[0].Position.Seconds(), 0.02)
		require.InDelta(t, 19.5, heard[1].Position.Seconds(), 0.04)
		require.InDelta(t, 2.5, (heard[1].End - heard[1].Start).Seconds(), 0.04)
		require.InDelta(t, 0, (heard[1].Start - heard[0].End).Seconds(), 0.04)
	})
	require.Empty(t, s.ends, "once for the source")
}

func TestSeekPastTheEndEndsTheSource(t *testing.T) {
	t.Parallel()
	s, remote := connected(t, sfu.Config{})
	require.ErrorIs(t, s.SeekBy(chat, 1), gotgcall.ErrNoSource)
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 20}), gotgcall.EncodeOptions{})))
	require.NoError(t, s.SeekBy(chat, 3_600_000))
	require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, s.awaitEnds(t, 1))
	require.ErrorIs(t, s.SeekTo(chat, 0), gotgcall.ErrNoSource)
	s.leave(t, chat, remote)
	require.Empty(t, s.ends)
}

// TestSeekAsFarAsTheNumbersGo: past any end is the natural end, before any start is
// the start.
func TestSeekAsFarAsTheNumbersGo(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 20})
	shell := fmt.Sprintf("ffmpeg -i %s -c:a libopus -f ogg -", path)
	for name, src := range map[string]gotgcall.Source{
		"file":  gotgcall.FromFile(path, gotgcall.EncodeOptions{}),
		"shell": gotgcall.FromShell(shell, gotgcall.TrackAudio),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := connected(t, sfu.Config{})
			for way, seek := range map[string]func() error{
				"by":        func() error { return s.SeekBy(chat, math.MaxInt64) },
				"by almost": func() error { return s.SeekBy(chat, math.MaxInt64/int64(time.Millisecond)) },
				"to":        func() error { return s.SeekTo(chat, math.MaxInt64) },
			} {
				require.NoError(t, s.SetStreamSources(chat, src), way)
				s.awaitPosition(t, chat, time.Second)
				require.NoError(t, s.SeekBy(chat, math.MinInt64), way)
				at, err := s.Position(chat)
				require.NoError(t, err)
				require.Less(t, at, time.Second, way)
				s.awaitPosition(t, chat, 100*time.Millisecond)
				require.NoError(t, seek(), way)
				require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, s.awaitEnds(t, 1), way)
			}
		})
	}
}
