package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

// frameOf returns a frame whose bytes name it.
func frameOf(n, size int) []byte { return bytes.Repeat([]byte{byte(n)}, size) }

// sizeOf codes the size of a frame (RFC 6716 section 3.2.1).
func sizeOf(n int) []byte {
	if n < 252 {
		return []byte{byte(n)}
	}
	return []byte{byte(252 + n%4), byte((n - 252 - n%4) / 4)}
}

// TestLongOpusPacketIsSplitIntoItsFrames: each goes out at its own time, whatever the
// layout of the packet. What fits is not touched.
func TestLongOpusPacketIsSplitIntoItsFrames(t *testing.T) {
	t.Parallel()
	const toc = 0xfc // 20 ms of stereo CELT
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		packet []byte
		sizes  []int
	}{
		"fits":            {join([]byte{toc | 1}, frameOf(1, 500), frameOf(2, 500)), nil},
		"one":             {join([]byte{toc}, frameOf(1, 1275)), []int{1275}},
		"two equal":       {join([]byte{toc | 1}, frameOf(1, 600), frameOf(2, 600)), []int{600, 600}},
		"two":             {join([]byte{toc | 2}, sizeOf(1000), frameOf(1, 1000), frameOf(2, 300)), []int{1000, 300}},
		"six equal":       {join([]byte{toc | 3, 6}, frameOf(1, 1275), frameOf(2, 1275), frameOf(3, 1275), frameOf(4, 1275), frameOf(5, 1275), frameOf(6, 1275)), []int{1275, 1275, 1275, 1275, 1275, 1275}},
		"three, variable": {join([]byte{toc | 3, 0x83}, sizeOf(0), sizeOf(1200), frameOf(2, 1200), frameOf(3, 10)), []int{0, 1200, 10}},
		"padded": {
			join([]byte{toc | 3, 0xc2, 255, 3}, sizeOf(500), frameOf(1, 500), frameOf(2, 501), make([]byte, 257)),
			[]int{500, 501},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			epoch := time.Now()
			sender, r := bound(audio, Clock{epoch: epoch, wall: epoch})
			require.NoError(t, sender.WriteFrame(c.packet, epoch))
			if c.sizes == nil {
				require.Len(t, r.packets, 1)
				require.Equal(t, c.packet, r.packets[0].Payload)
				return
			}
			require.Len(t, r.packets, len(c.sizes))
			for i, p := range r.packets {
				require.Equal(t, append([]byte{toc}, frameOf(i+1, c.sizes[i])...), p.Payload)
				require.Equal(t, r.packets[0].Timestamp+uint32(i)*960, p.Timestamp)
				require.Equal(t, r.packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
				require.Equal(t, i == 0, p.Marker)
			}
		})
	}
}

func TestOversizeNoiseIsRefused(t *testing.T) {
	t.Parallel()
	for _, packet := range [][]byte{
		bytes.Repeat([]byte{0xfc}, 1300),
		bytes.Repeat([]byte{0xff}, 8000),
		append([]byte{0xfd}, make([]byte, 1301)...),
		append([]byte{0xff, 0}, make([]byte, 1300)...),
		append([]byte{0xfe, 255, 255}, make([]byte, 1268)...),
	} {
		sender, r := bound(audio, NewClock())
		require.ErrorIs(t, sender.WriteFrame(packet, time.Now()), models.ErrInvalidParams)
		require.Empty(t, r.packets)
	}
}
