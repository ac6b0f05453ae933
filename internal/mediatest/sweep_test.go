package mediatest

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lookAhead is how much later an Opus decoder gives out what an encoder of ffmpeg
// took in: 312 samples.
const lookAhead = 6500 * time.Microsecond

func TestSweepIsHeardThroughEveryContainer(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	for name, test := range map[string]struct {
		file string
		spec AudioSpec
		send []string
	}{
		"wav":              {file: "a.wav", spec: AudioSpec{Seconds: sweepLength}},
		"mp3":              {file: "a.mp3", spec: AudioSpec{CoverArt: true}},
		"mp3 mono 22050":   {file: "a.mp3", spec: AudioSpec{Rate: 22050, Channels: 1, Options: []string{"-b:a", "48k"}}},
		"flac 44100":       {file: "a.flac", spec: AudioSpec{Rate: 44100}},
		"m4a":              {file: "a.m4a"},
		"ogg":              {file: "a.ogg"},
		"webm":             {file: "a.webm"},
		"sent at 64k":      {file: "a.wav", send: []string{"-b:a", "64k"}},
		"sent at 48k":      {file: "a.wav", send: []string{"-b:a", "48k"}},
		"sent as 60 ms":    {file: "a.wav", send: []string{"-frame_duration", "60"}},
		"sent at 10 ms":    {file: "a.wav", send: []string{"-frame_duration", "10"}},
		"sent with fec":    {file: "a.wav", send: []string{"-fec", "1", "-packet_loss", "5"}},
		"sent as lowdelay": {file: "a.wav", send: []string{"-application", "lowdelay"}},
		"sent as speech":   {file: "a.wav", send: []string{"-application", "voip", "-b:a", "32k"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), test.file)
			if test.spec.Seconds == 0 {
				test.spec.Seconds = 8
			}
			require.NoError(t, MakeSweep(t.Context(), "ffmpeg", path, test.spec))
			pcm, err := DecodeOpus(sendOpus(t, path, test.send...))
			require.NoError(t, err)
			stretches := pcm.Sweep()
			require.NoError(t, CheckSweep(stretches, 0, time.Duration(test.spec.Seconds)*time.Second, 40*time.Millisecond))
			require.InDelta(t, lookAhead.Seconds(), stretches[0].Offset().Seconds(), 0.005)
		})
	}
}

// renumber makes the packets follow one another whenever they were due.
func renumber(packets []Packet) []Packet {
	packets = slices.Clone(packets)
	for i := range packets {
		packets[i].Timestamp = uint32(i) * 960
	}
	return packets
}

// TestSweepShowsEachPacketThatIsOutOfPlace takes packets of 20 ms out of a stream in
// one way or another, everywhere.
func TestSweepShowsEachPacketThatIsOutOfPlace(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	const packet = 20 * time.Millisecond
	path := filepath.Join(t.TempDir(), "a.wav")
	require.NoError(t, MakeSweep(t.Context(), "ffmpeg", path, AudioSpec{Seconds: 3}))
	sent := sendOpus(t, path, "-b:a", "64k")
	for name, test := range map[string]struct {
		change func(p []Packet, n int) []Packet
		moved  time.Duration // what comes afterwards
	}{
		"lost":     {func(p []Packet, n int) []Packet { return slices.Delete(p, n, n+1) }, 0},
		"left out": {func(p []Packet, n int) []Packet { return renumber(slices.Delete(p, n, n+1)) }, -packet},
		"doubled":  {func(p []Packet, n int) []Packet { return renumber(slices.Insert(p, n, p[n])) }, packet},
		"swapped": {func(p []Packet, n int) []Packet {
			p[n], p[n+1] = p[n+1], p[n]
			return renumber(p)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 10; n < len(sent)-10; n += 13 {
				pcm, err := DecodeOpus(test.change(slices.Clone(sent), n))
				require.NoError(t, err)
				got := pcm.Sweep()
				// A decoder that misses a packet may stumble once more.
				require.GreaterOrEqual(t, len(got), 2, "packet %d: %v", n, got)
				first, last := got[0], got[len(got)-1]
				at := time.Duration(n) * packet
				require.InDelta(t, at.Seconds(), first.End.Seconds(), 0.04)
				require.InDelta(t, at.Seconds(), last.Start.Seconds(), 0.15)
				require.InDelta(t, test.moved.Seconds(), (last.Offset() - first.Offset()).Seconds(), 0.002)
				require.Error(t, CheckSweep(got, 0, 3*time.Second, time.Second))
			}
		})
	}
}

// sweepPCM is a sweep without any codec.
func sweepPCM(seconds int) *PCM { return pcmOf(sweepSamples(seconds, SampleRate)) }

func TestSweepShowsHoles(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{6 * ms, 10 * ms, 29 * ms, 200 * ms} {
		pcm := sweepPCM(3)
		at := int(1234 * ms * SampleRate / time.Second)
		clear(pcm.Samples[at : at+int(length*SampleRate/time.Second)])
		got := pcm.Sweep()
		require.Len(t, got, 2, "%v", length)
		require.InDelta(t, 1.234, got[0].End.Seconds(), 0.005)
		require.InDelta(t, (1234*ms + length).Seconds(), got[1].Start.Seconds(), 0.005)
		require.InDelta(t, 0, got[1].Offset().Seconds(), 0.001)
	}
}

func TestSweepIsFoundAnywhereAndNowhereElse(t *testing.T) {
	t.Parallel()
	pcm := sweepPCM(sweepLength)
	pcm.Samples = slices.Concat(pcm.Samples[20*SampleRate:21*SampleRate], pcm.Samples[3*SampleRate:4*SampleRate])
	got := pcm.Sweep()
	require.Len(t, got, 2)
	require.InDelta(t, 20, got[0].Position.Seconds(), 0.002)
	require.InDelta(t, 3, (got[1].Position - got[1].Start + time.Second).Seconds(), 0.002)
	require.Empty(t, (&PCM{}).Sweep())
	require.Empty(t, (&PCM{Samples: make([]float32, SampleRate)}).Sweep())
	for _, s := range tonePCM(3).Sweep() {
		require.Less(t, s.End-s.Start, 50*ms, "a tone is a place, not a sweep")
	}
	noise := &PCM{Samples: make([]float32, SampleRate)}
	for i := range noise.Samples {
		noise.Samples[i] = float32(math.Sin(float64(i) * float64(i)))
	}
	for _, s := range noise.Sweep() {
		require.Less(t, s.End-s.Start, 50*ms)
	}
}

func TestCheckSweepNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckSweep([]Stretch{{0, time.Second, 5 * time.Second}}, 5*time.Second, time.Second, ms))
	for want, got := range map[string][]Stretch{
		"want 1":           nil,
		"want 0 to 1s":     {{0, 900 * ms, 0}},
		"from 30ms":        {{30 * ms, time.Second, 30 * ms}},
		"at position 20ms": {{0, time.Second, 20 * ms}},
	} {
		require.ErrorContains(t, CheckSweep(got, 0, time.Second, 10*ms), want)
	}
}
