package e2e_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// pcm is what a listener of packets hears, of which some may be late.
func (s *fixture) pcm(t *testing.T, packets []mediatest.Packet) *mediatest.PCM {
	t.Helper()
	require.NoError(t, mediatest.Inspect(packets).Err())
	pcm, err := mediatest.DecodeOpus(packets)
	require.NoError(t, err)
	require.LessOrEqual(t, len(pcm.Gaps), int(s.last.ClockMoves), "%v", pcm.Gaps)
	pcm, err = mediatest.DecodeOpusInOrder(packets)
	require.NoError(t, err)
	return pcm
}

// TestSoundChangesWhereItIs: the sweep is heard whole and in its place over every change,
// each of which has its level, from within 300 ms on.
func TestSoundChangesWhereItIs(t *testing.T) {
	t.Parallel()
	path := sweep(t, "a.mp3", mediatest.AudioSpec{Seconds: 12})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{}))
	changes := []struct {
		sound gotgcall.Sound
		level float64 // beside the source's
	}{
		{gotgcall.Sound{Volume: 60}, -4.4},
		{gotgcall.Sound{Volume: 50, Bass: 6}, -6}, // the sweep has no bass
		{gotgcall.Sound{Volume: 50, Treble: -3}, math.NaN()},
		{gotgcall.Sound{Volume: 120}, 1.6},
		{gotgcall.Sound{}, 0},
	}
	var took []time.Duration
	for i, c := range changes {
		s.awaitPosition(t, chat, time.Duration(2*i+2)*time.Second)
		began := time.Now()
		require.NoError(t, s.SetSound(chat, c.sound))
		took = append(took, time.Since(began))
	}
	t.Log("SetSound took", took)
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm := s.pcm(t, packets)
		if s.last.ClockMoves == 0 {
			require.NoError(t, mediatest.CheckSweep(pcm.Sweep(), 0, 12*time.Second, 30*time.Millisecond))
		}
		before := pcm.Level(time.Second, 1900*time.Millisecond)
		for i, c := range changes {
			at := time.Duration(2*i+2) * time.Second
			if !math.IsNaN(c.level) && s.last.ClockMoves == 0 && took[i] < 250*time.Millisecond {
				level := pcm.Level(at+400*time.Millisecond, at+600*time.Millisecond)
				require.InDelta(t, c.level, level-before, 1, "%+v", c.sound)
			}
		}
	})
}

// requireSpeed asserts that the sweep is played at a speed between two times.
func requireSpeed(t *testing.T, pcm *mediatest.PCM, from, to time.Duration, speed float64) {
	t.Helper()
	var offsets []float64
	for at := from; at < to; at += 5 * time.Millisecond {
		if place, ok := pcm.SweepAt(at); ok {
			offsets = append(offsets, place.Seconds()-speed*at.Seconds())
		}
	}
	require.Greater(t, len(offsets), int((to-from)/(10*time.Millisecond)), "it is the sweep's pitch")
	third := len(offsets) / 3
	require.InDelta(t, median(offsets[:third]), median(offsets[2*third:]), 0.015, "at speed %v", speed)
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// TestSpeedKeepsPitchAndPlace: what is heard goes on from where it was at every change,
// the position is the media's, and the source ends where it should.
func TestSpeedKeepsPitchAndPlace(t *testing.T) {
	t.Parallel()
	const seconds = 16
	path := sweep(t, "a.m4a", mediatest.AudioSpec{Seconds: seconds})
	s, remote := connected(t, sfu.Config{})
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: 1.5}))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
	speeds := []float64{1.5, 0.8, 2, 1}
	expected := 0.0 // how long it all takes
	last := 0.0
	for i, speed := range speeds {
		until := float64(4 * (i + 1))
		s.awaitPosition(t, chat, time.Duration(until*float64(time.Second)))
		at, err := s.Position(chat)
		require.NoError(t, err)
		if i+1 < len(speeds) {
			require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: speeds[i+1]}))
		}
		length, err := s.Duration(chat)
		if i+1 < len(speeds) {
			require.NoError(t, err)
			require.InDelta(t, seconds, length.Seconds(), 0.1, "that of the media")
		}
		expected += (at.Seconds() - last) / speed
		last = at.Seconds()
	}
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	at, err := s.Position(chat)
	require.NoError(t, err)
	require.InDelta(t, seconds, at.Seconds(), 0.15)
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm := s.pcm(t, packets)
		require.InDelta(t, expected, pcm.Duration().Seconds(), 0.5)
		if s.last.ClockMoves > 0 {
			return
		}
		// No place is left out or comes twice.
		var worst, before float64
		for at := 500 * time.Millisecond; at < pcm.Duration()-100*time.Millisecond; at += 50 * time.Millisecond {
			var places []float64
			for d := -20 * time.Millisecond; d <= 20*time.Millisecond; d += 5 * time.Millisecond {
				if place, ok := pcm.SweepAt(at + d); ok {
					places = append(places, place.Seconds())
				}
			}
			require.NotEmpty(t, places, "at %s", at)
			place := median(places)
			if before > 0 {
				worst = max(worst, place-before-0.1, 0.04-(place-before))
			}
			before = place
		}
		t.Log("a place is left out or repeated by at most", time.Duration(worst*float64(time.Second)))
		require.Less(t, worst, 0.03)
		requireSpeed(t, pcm, 500*time.Millisecond, 2500*time.Millisecond, 1.5)
		requireSpeed(t, pcm, pcm.Duration()-3*time.Second, pcm.Duration()-500*time.Millisecond, 1)
	})
}

// TestPicturesKeepUpWithTheSpeed: counters and tones of a film stay together.
func TestPicturesKeepUpWithTheSpeed(t *testing.T) {
	t.Parallel()
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "20", Duration: 12 * time.Second, Sweep: true})
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
	s.awaitPosition(t, chat, 3*time.Second)
	began := time.Now()
	require.NoError(t, s.SetSound(chat, gotgcall.Sound{Speed: 1.25}))
	late := time.Since(began) > 190*time.Millisecond // some pictures are then late as well
	s.awaitEnds(t, 2)
	sound, pictures := s.leave(t, chat, remote)
	audio, video := s.clock(t, remote.SSRC(), 48000), s.clock(t, remote.SSRC()+1, 90000)
	serially(func() {
		pcm, err := mediatest.DecodeOpus(sound)
		require.NoError(t, err)
		frames, broken := mediatest.AssembleVP8(pictures)
		require.Zero(t, broken)
		seen, err := mediatest.DecodeVP8(t.Context(), ffmpeg, frames)
		require.NoError(t, err)
		start := audio(pcm.Timestamp(0))
		var worst float64
		for _, p := range seen {
			at := video(p.Timestamp).Sub(start)
			if at < 500*time.Millisecond || at > pcm.Duration()-200*time.Millisecond || p.Counter < 0 ||
				late && p.Counter > 3*20 && p.Counter < 5*20 || s.last.ClockMoves > 0 {
				continue
			}
			if place, ok := pcm.SweepAt(at); ok {
				worst = max(worst, math.Abs(place.Seconds()-float64(p.Counter)/20))
			}
		}
		t.Log("picture and sound are apart by at most", time.Duration(worst*float64(time.Second)))
		require.Less(t, worst, 0.02)
	})
}
