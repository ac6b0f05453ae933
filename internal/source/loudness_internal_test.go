package source

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
)

// TestLoudnessIsMeasuredOnce: also one that cannot be measured, and no more are kept than
// there is room for.
func TestLoudnessIsMeasuredOnce(t *testing.T) {
	t.Parallel()
	var l loudnesses
	count := 0
	get := func(key int) measured {
		return l.get(key, func() (ffmpeg.Loudness, error) {
			count++
			if key == 3 {
				return ffmpeg.Loudness{}, errors.New("no sound")
			}
			return ffmpeg.Loudness{LUFS: float64(-key)}, nil
		})
	}
	for range 2 {
		for key := range maxMeasured {
			require.Equal(t, key != 3, get(key).ok)
		}
		require.Equal(t, maxMeasured, count)
	}
	for key := range 10 * maxMeasured {
		get(key)
	}
	require.Equal(t, 10*maxMeasured, count)
	require.Len(t, l.known, maxMeasured)
	require.Len(t, l.order, maxMeasured)
	_ = (*loudnesses)(nil).get(1, func() (ffmpeg.Loudness, error) { return ffmpeg.Loudness{}, nil })
}
