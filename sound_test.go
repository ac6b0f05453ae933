package gotgcall_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestSoundArrivesWholeAndInTime plays 20 s of tones that change each second, in
// many containers, and decodes what the server got.
func TestSoundArrivesWholeAndInTime(t *testing.T) {
	t.Parallel()
	const seconds = 20
	for _, c := range []struct {
		name string
		spec mediatest.AudioSpec
	}{
		{"tones.mp3", mediatest.AudioSpec{}},
		{"cover.mp3", mediatest.AudioSpec{CoverArt: true}},
		{"mono22k.mp3", mediatest.AudioSpec{Rate: 22050, Channels: 1}},
		{"tones.wav", mediatest.AudioSpec{}},
		{"tones.flac", mediatest.AudioSpec{}},
		{"tones.m4a", mediatest.AudioSpec{}},
		{"tones.webm", mediatest.AudioSpec{}},
		{"tones.ogg", mediatest.AudioSpec{}},
		{"page1s.ogg", mediatest.AudioSpec{Options: []string{"-page_duration", "1000000"}}},
		{"frames60ms.ogg", mediatest.AudioSpec{Options: []string{"-frame_duration", "60"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.spec.Seconds = seconds
			path := tones(t, c.name, c.spec)
			var audio []mediatest.Packet
			undisturbed(t, func() gotgcall.Stats {
				s := newStage(t, sfu.Config{})
				far := s.join(t, chat)
				ends := s.play(t, chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{}), 1)
				require.Equal(t, []streamEnd{{chat, gotgcall.Audio, gotgcall.Microphone, nil}}, ends)
				ms, err := s.Time(chat)
				require.NoError(t, err)
				require.InDelta(t, seconds*1000, float64(ms), 60)
				stats, err := s.Stats(chat)
				require.NoError(t, err)
				audio, _ = s.leave(t, chat, far)
				return stats
			})
			checkTones(t, audio, seconds*time.Second)
			atDesk(func() {
				pcm, err := mediatest.DecodeOpus(audio)
				require.NoError(t, err)
				require.Empty(t, pcm.Gaps)
			})
			drift, err := mediatest.MeasureDrift(audio, mediatest.SampleRate)
			require.NoError(t, err)
			t.Logf("drift %+v", drift)
			require.InDelta(t, 1, drift.Slope, 0.0005)
		})
	}
}

// checkTones asserts that audio packets are one stream from the first frame of a
// tone file to its last, each once, by decoding them one after another, whenever
// they were sent.
func checkTones(t *testing.T, audio []mediatest.Packet, length time.Duration) {
	t.Helper()
	require.NoError(t, mediatest.Inspect(audio).Err())
	const frame = 960 // 20 ms
	audio = slices.Clone(audio)
	for i := range audio {
		audio[i].Timestamp = audio[0].Timestamp + uint32(i)*frame
	}
	atDesk(func() {
		pcm, err := mediatest.DecodeOpus(audio)
		require.NoError(t, err)
		require.NoError(t, mediatest.CheckTones(pcm.Tones(), 0, length, 40*time.Millisecond))
	})
}
