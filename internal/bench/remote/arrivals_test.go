package remote

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLatenessIsAgainstTheMediaClock: the earliest packet is on time, and a pause is no
// lateness, as RTP time goes on through it.
func TestLatenessIsAgainstTheMediaClock(t *testing.T) {
	t.Parallel()
	at := func(ms int64, ticks uint32) received {
		return received{ms * int64(time.Millisecond), 1<<32 - 960 + ticks}
	}
	require.Equal(t,
		[]time.Duration{2 * time.Millisecond, 0, 3 * time.Millisecond, 2 * time.Millisecond},
		lateness([]received{at(100, 0), at(118, 960), at(141, 1920), at(600, 24000)}))
	require.Empty(t, lateness(nil))
}
