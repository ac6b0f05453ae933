package source_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/media"
)

// lookAhead is how much later the sound comes out of a decoder than it went into
// ffmpeg's encoder, in samples: 6.5 ms (RFC 6716 section 2).
const lookAhead = 312

// opusPacket is how long a packet of ffmpeg's is, in samples.
const opusPacket = 960

// TestSeamOfTwoFiles: one decoder that gets the packets of two files one after another
// is silent between them for the look-ahead of the second and for what fills up the last
// packet of the first, and no longer. What it keeps of the first file cannot be heard in
// the second.
func TestSeamOfTwoFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		seconds   string
		samples   int
		opts      media.EncodeOptions
		tolerance float64 // in samples: speech coding blurs what begins and ends suddenly
	}{
		"whole packets": {"1", 48000, media.EncodeOptions{}, 24},
		"the shortest":  {"1.0135", 48648, media.EncodeOptions{}, 24},
		"the longest":   {"1.0136", 48652, media.EncodeOptions{}, 24},
		"voice":         {"1", 48000, media.EncodeOptions{Voice: true}, 144},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := media.FromFile(fixture(t, "seam"+c.seconds+".wav", tone(c.seconds, "-af", "volume=4")...), c.opts)
			first := len(play(t, file))
			require.Equal(t, (c.samples+lookAhead+opusPacket-1)/opusPacket, first)
			joined := decoded(t, append(play(t, file), play(t, file)...))
			alone := decoded(t, play(t, file))

			seam := first * opusPacket
			usual := level(joined[seam/2 : seam/2+opusPacket])
			silent := silence(joined, seam, usual)
			t.Logf("%d samples of silence", silent)
			require.InDelta(t, first*opusPacket-c.samples, silent, c.tolerance)
			kept := make([]float32, opusPacket)
			for i := range kept {
				kept[i] = joined[seam+i] - alone[i]
			}
			require.Less(t, level(kept), usual/100, "-40 dB")
			require.Less(t, peak(joined[seam-2*opusPacket:seam+2*opusPacket]), 1.2*peak(alone), "no click")
		})
	}
}

// decoded returns the sound of packets, decoded one after another.
func decoded(t *testing.T, frames []media.Frame) []float32 {
	t.Helper()
	var packets []mediatest.Packet
	for i, f := range frames {
		packets = append(packets, mediatest.Packet{Timestamp: uint32(i * opusPacket), Payload: f.Data})
	}
	pcm, err := mediatest.DecodeOpusInOrder(packets)
	require.NoError(t, err)
	return pcm.Samples
}

// level returns the root mean square of samples.
func level(samples []float32) float64 {
	var power float64
	for _, x := range samples {
		power += float64(x) * float64(x)
	}
	return math.Sqrt(power / float64(len(samples)))
}

func peak(samples []float32) (most float64) {
	for _, x := range samples {
		most = max(most, math.Abs(float64(x)))
	}
	return most
}

// silence returns how many samples around a place are quieter than a fifth of the usual
// level.
func silence(samples []float32, at int, usual float64) int {
	quiet := func(i int) bool { return math.Abs(float64(samples[i])) < usual/5 }
	// The middle of the silence is before the seam, where it is long.
	from, to := at, at
	for quiet(from - 1) {
		from--
	}
	for quiet(to) {
		to++
	}
	return to - from
}
