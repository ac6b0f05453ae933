package opus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFrameDurations(t *testing.T) {
	t.Parallel()
	for config, want := range []float64{
		10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 10, 20,
		2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20,
	} {
		require.Equal(t, time.Duration(want*float64(time.Millisecond)), FrameDuration(byte(config<<3)), config)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		packet []byte
		silent bool
	}{
		{[]byte{0xfc}, true},
		{[]byte{0xfc, 1}, true},
		{[]byte{0xfc, 0xff, 0xfe}, true},
		{[]byte{0xfc, 0xff, 0xfe, 0}, false},
		{[]byte{0xfd, 0xff, 0xfe, 0xff, 0xfe}, true},
		{[]byte{0xfd, 1, 2, 3, 4, 5, 6}, false},
		{[]byte{0xff, 3, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe}, true},
		{[]byte{0xff, 0x83, 2, 0, 0xff, 0xfe, 0xff, 0xfe}, true},
		{[]byte{0xff, 0x83, 3, 2, 1, 2, 3, 0xff, 0xfe, 0xff, 0xfe}, false},
		{[]byte{0xff, 3, 1, 2, 3, 4}, false}, // malformed
		{append([]byte{0xe3, 48}, make([]byte, 96)...), true},
		{append([]byte{0xfc}, make([]byte, 200)...), false},
	} {
		require.Equal(t, c.silent, Silent(c.packet), "%x", c.packet)
	}
}

// FuzzFrames looks for panics and for frames that are not in the packet. The
// packet comes from a user's file.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0xff, 0xc2, 255, 3, 1, 2, 3, 4})
	f.Add([]byte{0xfe, 253, 1, 2})
	f.Fuzz(func(t *testing.T, packet []byte) {
		frames, ok := Frames(nil, packet)
		total := 0
		for _, frame := range frames {
			total += len(frame)
		}
		require.LessOrEqual(t, total, max(0, len(packet)-1))
		if ok {
			require.NotEmpty(t, frames)
			require.LessOrEqual(t, len(frames), MaxFrames)
		}
	})
}
