package playlist_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

// tsPacket is a packet of a transport stream.
func tsPacket(pid int, payload ...byte) []byte {
	p := append([]byte{0x47, 0x40 | byte(pid>>8), byte(pid), 0x10}, payload...)
	for len(p) < 188 {
		p = append(p, 0xFF)
	}
	return p[:188]
}

// pes begins a packet of pictures or sound at a time in units of 90 kHz.
func pes(stream byte, at uint64) []byte {
	return []byte{
		0, 0, 1, stream, 0, 0, 0x80, 0x80, 5,
		0x21 | byte(at>>29)&0x0E, byte(at >> 22), byte(at>>14) | 1, byte(at >> 7), byte(at<<1) | 1,
	}
}

func transport(picture, sound uint64) []byte {
	var data []byte
	data = append(data, tsPacket(0, 0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0x00, 0, 0, 0, 0)...)
	data = append(data, tsPacket(0x100, 0, 2, 0xB0, 23, 0, 1, 0xC1, 0, 0, 0xE1, 0x01, 0xF0, 0,
		0x1B, 0xE1, 0x01, 0xF0, 0, 0x0F, 0xE1, 0x02, 0xF0, 0, 0, 0, 0, 0)...)
	data = append(data, tsPacket(0x101, pes(0xE0, picture)...)...)
	return append(data, tsPacket(0x102, pes(0xC0, sound)...)...)
}

func box(name string, body ...[]byte) []byte {
	b := append(make([]byte, 4), name...)
	for _, part := range body {
		b = append(b, part...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

func words(n ...uint32) (b []byte) {
	for _, w := range n {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// fragmented returns the header and a fragment of a track of 1,000 units a second.
func fragmented(at uint32) (initial, fragment []byte) {
	initial = append(box("ftyp", []byte("iso5")), box("moov",
		box("mvhd", words(0, 0, 0, 1000, 0)),
		box("trak", box("tkhd", words(0, 0, 0, 7, 0, 0)), box("edts", box("elst", words(0, 1, 0, 80, 0x10000))),
			box("mdia", box("mdhd", words(0, 0, 0, 1000, 0)))))...)
	fragment = append(box("styp", []byte("msdh")), box("moof", box("traf",
		box("tfhd", words(0, 7)), box("tfdt", words(0, at)), box("trun", words(0x800, 1, 80))))...)
	return initial, fragment
}

func TestSegmentsTellTheirTimes(t *testing.T) {
	t.Parallel()
	times := playlist.SegmentTimes(transport(126_000+7200, 126_000), nil)
	require.True(t, times.Complete)
	first, ok := times.First()
	require.True(t, ok)
	require.Equal(t, 1400*time.Millisecond, first)

	// 33 bits later the clock begins again.
	later := playlist.SegmentTimes(transport(90_000+7200, 90_000), nil)
	wrapped := playlist.SegmentTimes(transport(1<<33-90_000+7200, 1<<33-90_000), nil)
	since, ok := later.Since(wrapped, 1900*time.Millisecond)
	require.True(t, ok)
	require.InDelta(t, 2*time.Second, since, float64(time.Millisecond))
	_, ok = later.Since(wrapped, time.Minute)
	require.False(t, ok, "the list is off by a minute")

	initial, fragment := fragmented(4000)
	first, ok = playlist.SegmentTimes(fragment, initial).First()
	require.True(t, ok)
	require.Equal(t, 4*time.Second, first)

	packed := []byte("ID3\x04\x00\x00\x00\x00\x00\x4APRIV\x00\x00\x00\x35\x00\x00com.apple.streaming.transportStreamTimestamp\x00")
	packed = binary.BigEndian.AppendUint64(packed, 90_000)
	first, ok = playlist.SegmentTimes(packed, nil).First()
	require.True(t, ok)
	require.Equal(t, time.Second, first)

	_, ok = playlist.SegmentTimes([]byte("\xff\xf1\x50\x80"), nil).First()
	require.False(t, ok)
}

func FuzzSegmentTimes(f *testing.F) {
	f.Add(transport(90_000, 180_000), []byte(nil))
	initial, fragment := fragmented(4000)
	f.Add(fragment, initial)
	f.Fuzz(func(t *testing.T, head, initial []byte) {
		times := playlist.SegmentTimes(head, initial)
		times.First()
		if since, ok := times.Since(times, 0); ok && since != 0 {
			t.Fatal(since)
		}
	})
}

func TestOffsetOfAClockThatBeginsAgain(t *testing.T) {
	t.Parallel()
	const wrap = time.Duration(1<<33) * time.Second / 90_000
	of := playlist.SegmentTimes(transport(90_000, 90_000), nil)
	offset, ok := of.Offset(wrap+time.Second, time.Minute)
	require.True(t, ok)
	require.Equal(t, time.Second-time.Minute, offset)
	_, ok = of.Offset(wrap-time.Second, time.Minute)
	require.False(t, ok, "ffmpeg takes it for a negative time")
}
