package ffmpeg

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGainIsBounded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		l            Loudness
		target, want float64
	}{
		{Loudness{-20, -10}, -14, 6},
		{Loudness{-20, -4}, -14, 3},               // by its peak
		{Loudness{-20, 0.5}, -14, 0},              // it clips as it is
		{Loudness{-8, 0.5}, -14, -6},              // less is always possible
		{Loudness{-20, math.Inf(1)}, -14, 0},      // nobody knows its peak
		{Loudness{-10, math.Inf(1)}, -14, -4},     //
		{Loudness{-40, -30}, -14, 12},             //
		{Loudness{5, 0}, -40, -12},                //
		{Loudness{-70, math.Inf(-1)}, -14, 0},     // silence
		{Loudness{math.NaN(), -10}, -14, 0},       //
		{Loudness{math.Inf(1), 0}, -14, -maxGain}, //
	} {
		require.InDelta(t, test.want, test.l.Gain(test.target), 0, "%+v to %v", test.l, test.target)
	}
}

// FuzzReading: whatever is in the log, the gain is bounded and a number.
func FuzzReading(f *testing.F) {
	f.Add("[info]       replaygain: track gain - -6.500000, track peak - 0.9, album gain - unknown")
	f.Add("[info]     Replay Gain: track gain - 1e999, track peak - unknown, album gain")
	f.Add("[info]       R128_TRACK_GAIN : -1280")
	f.Add("    I:         -31.8 LUFS")
	f.Add("    Peak:       -inf dBFS")
	f.Add("    Peak:      . dBFS")
	f.Fuzz(func(t *testing.T, line string) {
		r := newReading(1)
		r.line(line)
		r.line(mapping)
		r.line("    I:         -20.0 LUFS")
		r.long()
		l, _ := r.loudness()
		gain := l.Gain(-14)
		require.False(t, math.IsNaN(gain))
		require.LessOrEqual(t, math.Abs(gain), float64(maxGain))
	})
}
