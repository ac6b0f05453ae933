package opus

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	celt20 = 0xfc // 20 ms of stereo CELT, in fullband
	ms     = time.Millisecond
)

// single returns a packet of one frame, whose bytes name it.
func single(toc byte, n, size int) []byte {
	return append([]byte{toc}, bytes.Repeat([]byte{byte(n)}, size)...)
}

// split returns the frames of a packet as packets of one frame.
func split(t testing.TB, packet []byte) (singles [][]byte) {
	t.Helper()
	frames, ok := Frames(nil, packet)
	require.True(t, ok, "%x", packet)
	for _, frame := range frames {
		singles = append(singles, append([]byte{packet[0] &^ 3}, frame...))
	}
	return singles
}

// TestJoinedPackets compares each form with the bytes of RFC 6716 section 3.2.
func TestJoinedPackets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes  []int
		header []byte
	}{
		"one":                {[]int{300}, []byte{celt20}},
		"two equal":          {[]int{100, 100}, []byte{celt20 | 1}},
		"two":                {[]int{100, 101}, []byte{celt20 | 2, 100}},
		"two, long":          {[]int{501, 100}, []byte{celt20 | 2, 253, 62}},
		"three equal":        {[]int{300, 300, 300}, []byte{celt20 | 3, 3}},
		"three":              {[]int{251, 252, 253}, []byte{celt20 | 3, 0x83, 251, 252, 0}},
		"three, the last":    {[]int{10, 10, 253}, []byte{celt20 | 3, 0x83, 10, 10}},
		"six":                {[]int{2, 3, 4, 5, 6, 7}, []byte{celt20 | 3, 0x86, 2, 3, 4, 5, 6}},
		"the longest frames": {[]int{1275, 1275, 1274}, []byte{celt20 | 3, 0x83, 255, 255, 255, 255}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := Joiner{Length: MaxDuration, Bytes: 4000}
			for range 2 { // it can be used again
				var packets [][]byte
				want := c.header
				for i, size := range c.sizes {
					packet := single(celt20, i, size)
					require.True(t, j.Add(packet))
					packets = append(packets, packet)
					want = append(slices.Clip(want), packet[1:]...)
				}
				require.Equal(t, len(c.sizes), j.Count())
				require.Equal(t, time.Duration(len(c.sizes))*20*ms, j.Duration())
				got := j.Take()
				require.Equal(t, want, got)
				require.Equal(t, packets, split(t, got))
				d, ok := Duration(got)
				require.True(t, ok)
				require.Equal(t, time.Duration(len(c.sizes))*20*ms, d)
				require.Nil(t, j.Take())
			}
		})
	}
}

func TestWhatIsNotJoined(t *testing.T) {
	t.Parallel()
	held := single(celt20, 0, 100)
	for name, packet := range map[string][]byte{
		"mono":              single(celt20&^4, 1, 100),
		"a narrower band":   single(0xdc, 1, 100),
		"frames of 10 ms":   single(0xf4, 1, 100),
		"speech":            single(0x4c, 1, 100),
		"too long":          append([]byte{celt20 | 3, 3}, make([]byte, 99)...),
		"too many bytes":    single(celt20, 1, 999),
		"silence by DTX":    {celt20},
		"silence by DTX, 2": {celt20, 0},
		"nothing":           {},
		"no frames":         {celt20 | 3, 0, 0},
		"cut off":           {celt20 | 3, 0x83, 100, 100, 1},
		"unequal":           {celt20 | 1, 1, 2, 3},
	} {
		j := Joiner{Length: 60 * ms, Bytes: 1100}
		require.True(t, j.Add(held))
		require.False(t, j.Add(packet), name)
		require.Equal(t, held, j.Take(), name)
	}
	j := Joiner{Length: time.Hour, Bytes: 1 << 20}
	for n := range 6 {
		require.False(t, j.Full())
		require.True(t, j.Add(single(celt20, n, 100)))
	}
	require.False(t, j.Add(held), "120 ms are the most")
}

// TestBytesOfAJoinedPacket: exactly as many as are allowed fit.
func TestBytesOfAJoinedPacket(t *testing.T) {
	t.Parallel()
	for _, sizes := range [][]int{{300}, {300, 300}, {300, 200}, {300, 300, 300}, {300, 100, 251}, {251, 252, 300}, {10, 10, 10, 400}} {
		var all Joiner
		for limit := 300; limit < 1000; limit++ {
			all = Joiner{Length: MaxDuration, Bytes: limit}
			fit := true
			for i, size := range sizes {
				fit = fit && all.Add(single(celt20, i, size))
			}
			got := all.Take()
			require.LessOrEqual(t, len(got), limit)
			if fit {
				require.Len(t, got, limit, "%v fit at the first limit that is enough", sizes)
				break
			}
		}
	}
}

// FuzzJoin joins packets that a file could hold, and asserts that each packet is valid,
// within bounds, and has the frames of those it was made of.
func FuzzJoin(f *testing.F) {
	pack := func(packets ...[]byte) (b []byte) {
		for _, p := range packets {
			b = append(append(b, byte(len(p)>>8), byte(len(p))), p...)
		}
		return b
	}
	f.Add(pack(single(celt20, 1, 100), single(celt20, 2, 90), single(celt20, 3, 120), single(celt20, 4, 7)), byte(60), uint16(1182))
	f.Add(pack([]byte{0xff, 0xc2, 3, 1, 9, 8, 7, 0, 0, 0}, []byte{celt20}, single(0x08, 1, 30), single(0x08, 2, 30)), byte(120), uint16(60))
	f.Add(pack(single(0xe0, 1, 3), single(0xe0, 2, 3), single(0xe1, 3, 4), single(0xe2, 1, 8)), byte(20), uint16(40))
	f.Fuzz(func(t *testing.T, b []byte, length byte, limit uint16) {
		j := Joiner{Length: time.Duration(length) * ms, Bytes: int(limit)}
		var held [][]byte
		take := func() {
			got := j.Take()
			if len(held) == 0 {
				require.Nil(t, got)
				return
			}
			require.LessOrEqual(t, len(got), int(limit))
			d, ok := Duration(got)
			require.True(t, ok, "%x", got)
			require.LessOrEqual(t, d, min(time.Duration(length)*ms, MaxDuration))
			require.Equal(t, held, split(t, got))
			held = held[:0]
		}
		for len(b) >= 2 {
			n := min(int(b[0])<<8|int(b[1]), len(b)-2)
			packet := b[2 : 2+n]
			b = b[2+n:]
			if !j.Add(packet) {
				take()
				if !j.Add(packet) {
					continue // it is alone
				}
			}
			held = append(held, split(t, packet)...)
			require.Equal(t, len(held), j.Count())
		}
		take()
	})
}

// BenchmarkJoin joins three packets of 20 ms, such as 128 kbit/s have.
func BenchmarkJoin(b *testing.B) {
	for _, sizes := range [][]int{{320, 320, 320}, {310, 320, 330}} {
		b.Run(fmt.Sprint(sizes), func(b *testing.B) {
			j := Joiner{Length: 60 * ms, Bytes: 1182}
			var packets [][]byte
			for i, size := range sizes {
				packets = append(packets, single(celt20, i, size))
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range packets {
					if !j.Add(p) {
						b.Fatal("not joined")
					}
				}
				if len(j.Take()) < 960 {
					b.Fatal("too short")
				}
			}
		})
	}
}
