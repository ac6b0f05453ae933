package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestSoundArrivesWholeAndInTime plays 20 s of a sweep, or of tones that change each
// second, in many containers, and decodes what the server got.
func TestSoundArrivesWholeAndInTime(t *testing.T) {
	t.Parallel()
	const seconds = 20
	for _, c := range []struct {
		name  string
		tones bool
		spec  mediatest.AudioSpec
		ms    int // PacketMs
	}{
		{"tones.mp3", true, mediatest.AudioSpec{}, 0},
		{"mono22k.mp3", true, mediatest.AudioSpec{Rate: 22050, Channels: 1}, 0},
		{"sweep.mp3", false, mediatest.AudioSpec{}, 0},
		{"cover.mp3", false, mediatest.AudioSpec{CoverArt: true}, 0},
		{"sweep.wav", false, mediatest.AudioSpec{}, 0},
		{"sweep.flac", false, mediatest.AudioSpec{}, 0},
		{"sweep.m4a", false, mediatest.AudioSpec{}, 0},
		{"sweep.webm", false, mediatest.AudioSpec{}, 0},
		{"sweep.ogg", false, mediatest.AudioSpec{}, 0},
		{"page1s.ogg", false, mediatest.AudioSpec{Options: []string{"-page_duration", "1000000"}}, 0},
		{"frames60ms.ogg", false, mediatest.AudioSpec{Options: []string{"-frame_duration", "60"}}, 0},
		{"passed.ogg", false, mediatest.AudioSpec{Options: []string{"-b:a", "160k"}}, 0},
		{"passed.ogg", false, mediatest.AudioSpec{Options: []string{"-b:a", "160k"}}, 60},
		{"passed60ms.webm", false, mediatest.AudioSpec{Options: []string{"-b:a", "160k", "-frame_duration", "60"}}, 0},
		{"long60.mp3", true, mediatest.AudioSpec{}, 60},
		{"long60.flac", false, mediatest.AudioSpec{}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.spec.Seconds = seconds
			file := sweep
			if c.tones {
				file = tones
			}
			path := file(t, c.name, c.spec)
			watch := watchMachine(t)
			s, remote := connected(t, sfu.Config{})
			ends := s.play(t, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{PacketMs: c.ms}), 1)
			require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, ends)
			ms, err := s.Time(chat)
			require.NoError(t, err)
			require.InDelta(t, seconds*1000, float64(ms), 60)
			audio, _ := s.leave(t, chat, remote)
			if s.last.ClockMoves > 0 {
				require.Greater(t, watch.late(), 50*time.Millisecond,
					"playback was put off %d times on a machine that keeps time", s.last.ClockMoves)
			}
			if c.tones {
				s.checkTones(t, audio, seconds*time.Second)
			} else {
				s.checkSweep(t, audio, seconds*time.Second, 0)
			}
			drift, err := mediatest.MeasureDrift(audio, mediatest.SampleRate)
			require.NoError(t, err)
			t.Logf("drift %+v", drift)
			require.InDelta(t, 1, drift.Slope, 0.0005)
		})
	}
}

// checkTones asserts that the audio packets of the call that left last are one stream
// from the first frame of a tone file to its last, each once, without a pause.
func (s *fixture) checkTones(t *testing.T, audio []mediatest.Packet, length time.Duration) {
	t.Helper()
	pcm := s.inOrder(t, audio, 0)
	serially(func() {
		require.NoError(t, mediatest.CheckTones(pcm.Tones(), 0, length, 40*time.Millisecond))
	})
}

// checkSweep asserts the same of a sweep, exact to the packet, with a number of pauses.
func (s *fixture) checkSweep(t *testing.T, audio []mediatest.Packet, length time.Duration, pauses int) {
	t.Helper()
	pcm := s.inOrder(t, audio, pauses)
	serially(func() {
		require.NoError(t, mediatest.CheckSweep(pcm.Sweep(), 0, length, 40*time.Millisecond))
	})
}

// inOrder decodes packets one after another, whenever they were sent. It asserts that
// they are one stream whose only holes are pauses, and one more for each time that the
// client put playback off.
func (s *fixture) inOrder(t *testing.T, audio []mediatest.Packet, pauses int) (pcm *mediatest.PCM) {
	t.Helper()
	require.NoError(t, mediatest.Inspect(audio).Err())
	serially(func() {
		timed, err := mediatest.DecodeOpus(audio)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(timed.Gaps), pauses, "%v", timed.Gaps)
		require.LessOrEqual(t, len(timed.Gaps), pauses+int(s.last.ClockMoves), "%v", timed.Gaps)
		for _, gap := range timed.Gaps {
			require.Positive(t, gap.Length)
		}
		pcm, err = mediatest.DecodeOpusInOrder(audio)
		require.NoError(t, err)
	})
	return pcm
}
