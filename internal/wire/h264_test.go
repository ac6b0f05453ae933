package wire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/h264"
)

const testH264, testH264RTX = 104, 105

// h264Sender returns a bound sender that takes H.264.
func h264Sender() (*Sender, *recorder) {
	s, r := bound(video, NewClock())
	s.BindH264(testH264, testH264RTX)
	return s, r
}

// unit returns a NAL unit of a header and a size, without a start code in it.
func unit(header byte, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(header), uint64(size)))
	u := []byte{header}
	for len(u) < size {
		u = append(u, byte(1+random.IntN(255)))
	}
	return u
}

func stream(units ...[]byte) []byte {
	var s []byte
	for _, u := range units {
		s = h264.Append(s, u)
	}
	return s
}

// rebuilt joins packets as a receiver does, and checks what it relies on.
func rebuilt(t testing.TB, packets []rtp.Packet) []byte {
	t.Helper()
	var receiver codecs.H264Packet
	var got []byte
	for i, p := range packets {
		require.LessOrEqual(t, len(p.Payload), maxPayload)
		require.EqualValues(t, testH264, p.PayloadType)
		require.Equal(t, i == len(packets)-1, p.Marker, "the last packet of a picture has the marker")
		require.Equal(t, packets[0].Timestamp, p.Timestamp)
		require.Equal(t, packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
		data, err := receiver.Unmarshal(p.Payload)
		require.NoError(t, err)
		got = append(got, data...)
	}
	return got
}

func TestAccessUnitIsCutIntoPacketsThatMakeItAgain(t *testing.T) {
	t.Parallel()
	sps, pps := unit(0x67, 20), unit(0x68, 4)
	for name, c := range map[string]struct {
		units   [][]byte
		packets int
		kinds   []byte // of the packets, from the first on
	}{
		"one slice":              {[][]byte{unit(0x41, 300)}, 1, []byte{1}},
		"a full packet":          {[][]byte{unit(0x41, maxPayload)}, 1, []byte{1}},
		"one byte more":          {[][]byte{unit(0x41, maxPayload+1)}, 2, []byte{typeFUA, typeFUA}},
		"a large slice":          {[][]byte{unit(0x41, 10_000)}, 9, []byte{typeFUA}},
		"a key frame":            {[][]byte{sps, pps, unit(0x65, 5000)}, 6, []byte{typeSTAPA, typeFUA}},
		"a small key frame":      {[][]byte{sps, pps, unit(0x65, 500)}, 1, []byte{typeSTAPA}},
		"slices":                 {[][]byte{unit(0x41, 500), unit(0x41, 500), unit(0x41, 500)}, 2, []byte{typeSTAPA, 1}},
		"a small one at the end": {[][]byte{unit(0x65, 3000), unit(0x41, 10)}, 4, []byte{typeFUA, typeFUA, typeFUA, 1}},
		"what fits to the byte":  {[][]byte{unit(0x41, 100), unit(0x41, maxPayload-105)}, 1, []byte{typeSTAPA}},
		"and not quite":          {[][]byte{unit(0x41, 100), unit(0x41, maxPayload-104)}, 2, []byte{1, 1}},
	} {
		s, r := h264Sender()
		require.NoError(t, s.WriteH264(stream(c.units...), time.Now()))
		require.Len(t, r.packets, c.packets, name)
		for i, kind := range c.kinds {
			require.Equal(t, kind, h264.Type(r.packets[i].Payload), "%s: packet %d", name, i)
			require.Equal(t, slices.MaxFunc(c.units, func(a, b []byte) int { return int(a[0]&importanceBits) - int(b[0]&importanceBits) })[0]&importanceBits,
				r.packets[0].Payload[0]&importanceBits, name)
		}
		require.Equal(t, stream(c.units...), rebuilt(t, r.packets), name)
	}
}

func TestFragmentsAreOfEqualSize(t *testing.T) {
	t.Parallel()
	s, r := h264Sender()
	require.NoError(t, s.WriteH264(stream(unit(0x65, maxPayload+1)), time.Now()))
	require.Len(t, r.packets, 2)
	require.InDelta(t, len(r.packets[0].Payload), len(r.packets[1].Payload), 1)
}

// TestWhatReceiversMisreadIsLeftOut: delimiters, filler, and types that RFC 6184 gives to
// packets.
func TestWhatReceiversMisreadIsLeftOut(t *testing.T) {
	t.Parallel()
	slice := unit(0x65, 100)
	s, r := h264Sender()
	require.NoError(t, s.WriteH264(stream(unit(0x09, 2), nil, slice, unit(0x0c, 50), unit(0x18, 50), unit(0x1c, 50)), time.Now()))
	require.Equal(t, stream(slice), rebuilt(t, r.packets))
	for _, nothing := range [][]byte{nil, {0}, {0, 0, 1}, stream(unit(0x09, 2)), []byte("no start code")} {
		require.NoError(t, s.WriteH264(nothing, time.Now()))
	}
	require.Len(t, r.packets, 1)
}

func TestH264IsSentOnlyWhereItIsTaken(t *testing.T) {
	t.Parallel()
	s, r := bound(video, NewClock())
	require.ErrorIs(t, s.WriteH264(stream(unit(0x65, 100)), time.Now()), errNotH264)
	s.Unbind()
	require.ErrorIs(t, s.WriteH264(stream(unit(0x65, 100)), time.Now()), errUnbound)
	require.Empty(t, r.packets)
}

// TestOneStreamOfTwoCodecs: what follows in another codec has another payload type, also
// what is repeated of it and what keeps it alive, in one sequence.
func TestOneStreamOfTwoCodecs(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s, r := h264Sender()
	require.NoError(t, s.KeepAlive(now, 0))
	require.NoError(t, s.WriteFrame([]byte{0, 1, 2}, now))
	require.NoError(t, s.WriteH264(stream(unit(0x65, 100)), now))
	require.NoError(t, s.KeepAlive(now.Add(time.Minute), time.Second))
	require.NoError(t, s.WriteFrame([]byte{0, 1, 2}, now))
	for i, want := range []uint8{99, 99, testH264, testH264, 99} {
		require.Equal(t, want, r.packets[i].PayloadType)
		require.Equal(t, r.packets[0].SequenceNumber+uint16(i), r.packets[i].SequenceNumber)
	}
	require.True(t, r.packets[3].Padding)
	sent := r.packets
	r.packets = nil
	require.NoError(t, s.retransmit(&rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers(
		[]uint16{sent[1].SequenceNumber, sent[2].SequenceNumber, sent[4].SequenceNumber})}))
	require.Len(t, r.packets, 3)
	for i, want := range []uint8{100, testH264RTX, 100} {
		require.Equal(t, want, r.packets[i].PayloadType)
	}
}

// TestGateOpensAtAnIDRPicture, before which nothing can be decoded.
func TestGateOpensAtAnIDRPicture(t *testing.T) {
	t.Parallel()
	s, r := h264Sender()
	s.video.gate.closed = true
	require.NoError(t, s.WriteH264(stream(unit(0x67, 10), unit(0x68, 4), unit(0x41, 100)), time.Now()))
	require.Empty(t, r.packets, "parameters do not make a key frame")
	key := stream(unit(0x09, 2), unit(0x67, 10), unit(0x68, 4), unit(0x06, 9), unit(0x65, 100))
	require.NoError(t, s.WriteH264(key, time.Now()))
	require.Len(t, r.packets, 1)
}

func BenchmarkWriteH264(b *testing.B) {
	sender, _ := h264Sender()
	sender.Bind(discardWriter{}, 99, 100)
	picture := stream(unit(0x41, 3500))
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := sender.WriteH264(picture, now); err != nil {
			b.Fatal(err)
		}
	}
}

func TestH264IsSentWithoutAllocation(t *testing.T) {
	sender, _ := h264Sender()
	sender.Bind(discardWriter{}, 99, 100)
	picture := stream(unit(0x67, 20), unit(0x68, 4), unit(0x65, 3500), unit(0x41, 100), unit(0x41, 100))
	write := func() { require.NoError(t, sender.WriteH264(picture, time.Now())) }
	for range historySize {
		write()
	}
	require.Zero(t, testing.AllocsPerRun(1000, write))
}

// FuzzH264 makes packets of any byte stream, from which a receiver gets its units back.
func FuzzH264(f *testing.F) {
	f.Add(stream(unit(0x67, 20), unit(0x68, 4), unit(0x65, 3500)))
	f.Add(stream(unit(0x41, 500), unit(0x41, 900), unit(0x09, 2)))
	f.Add([]byte{0, 0, 1, 0x65, 0, 0, 0, 1, 0x41, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		var want [][]byte
		for u := h264.Split(data); u.Unit != nil; u.Advance() {
			if kind := h264.Type(u.Unit); kind > 0 && kind <= h264.PPS {
				want = append(want, bytes.Clone(u.Unit))
				want[len(want)-1][0] &= 0x7f // forbidden_zero_bit
			}
		}
		s, r := h264Sender()
		require.NoError(t, s.WriteH264(data, time.Now()))
		got := rebuilt(t, r.packets)
		if len(got) > 0 {
			got[4] &= 0x7f
		}
		var units [][]byte
		for u := h264.Split(got); u.Unit != nil; u.Advance() {
			units = append(units, bytes.Clone(u.Unit))
			units[len(units)-1][0] &= 0x7f
		}
		require.Equal(t, want, units)
	})
}
