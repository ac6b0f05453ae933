package mediatest

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
)

// steady is n packets of 20 ms that arrive on time, across every wrap.
func steady(n int) []Packet {
	packets := make([]Packet, n)
	for i := range packets {
		packets[i] = Packet{
			SSRC: 1, SequenceNumber: uint16(i - 10), Timestamp: uint32(i*960 - 9600),
			Arrival: start().Add(time.Duration(i) * 20 * ms), Payload: []byte{0},
		}
	}
	return packets
}

func TestInspect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func([]Packet) []Packet
		want  Report
	}{
		"complete": {
			func(p []Packet) []Packet { return p },
			Report{Packets: 100, SSRCs: []uint32{1}, Step: 960},
		},
		"two lost": {
			func(p []Packet) []Packet { return slices.Delete(p, 40, 42) },
			Report{Packets: 98, SSRCs: []uint32{1}, Step: 960 * 99 / 97.0, Lost: 2},
		},
		"one twice": {
			func(p []Packet) []Packet { return slices.Insert(p, 50, p[45]) },
			Report{Packets: 101, SSRCs: []uint32{1}, Step: 960, Duplicates: 1},
		},
		"two swapped": {
			func(p []Packet) []Packet { p[7], p[8] = p[8], p[7]; return p },
			Report{Packets: 100, SSRCs: []uint32{1}, Step: 960, Reordered: 1},
		},
		"first two swapped": {
			func(p []Packet) []Packet { p[0], p[1] = p[1], p[0]; return p },
			Report{Packets: 100, SSRCs: []uint32{1}, Step: 960, Reordered: 1},
		},
		"second source": {
			func(p []Packet) []Packet { p[60].SSRC = 2; return p },
			Report{Packets: 100, SSRCs: []uint32{1, 2}, Step: 960},
		},
		"padding": {
			func(p []Packet) []Packet { p[60].Payload = nil; return p },
			Report{Packets: 100, SSRCs: []uint32{1}, Step: 960 * 99 / 98.0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Inspect(test.spoil(steady(100)))
			require.InDelta(t, test.want.Step, got.Step, 1e-6)
			got.Step = test.want.Step
			require.Equal(t, test.want, got)
			fine := len(got.SSRCs) == 1 && got.Lost+got.Duplicates+got.Reordered == 0
			require.Equal(t, fine, got.Err() == nil)
		})
	}
	require.Error(t, Inspect(nil).Err())
}

func TestNewPacketCopies(t *testing.T) {
	t.Parallel()
	sent := &rtp.Packet{
		Header:  rtp.Header{SSRC: 5, SequenceNumber: 6, Timestamp: 7, Marker: true},
		Payload: []byte{8},
	}
	got := NewPacket(sent, start())
	sent.Payload[0] = 0
	require.Equal(t, Packet{SSRC: 5, SequenceNumber: 6, Timestamp: 7, Marker: true, Arrival: start(), Payload: []byte{8}}, got)
}

func TestDrift(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		drift, err := MeasureDrift(steady(1000), SampleRate)
		require.NoError(t, err)
		require.InDelta(t, 1, drift.Slope, 1e-9)
		require.Less(t, drift.Max, time.Microsecond)
		require.InDelta(t, 19.98, drift.Span.Seconds(), 1e-6)
	})
	t.Run("1 ms each second", func(t *testing.T) {
		t.Parallel()
		packets := steady(1000)
		for i := range packets {
			packets[i].Arrival = packets[i].Arrival.Add(time.Duration(i) * 20 * time.Microsecond)
		}
		drift, err := MeasureDrift(packets, SampleRate)
		require.NoError(t, err)
		require.InDelta(t, 1.001, drift.Slope, 1e-9)
	})
	t.Run("jitter is no drift", func(t *testing.T) {
		t.Parallel()
		packets := steady(1000)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range packets {
			packets[i].Arrival = packets[i].Arrival.Add(time.Duration(random.IntN(10000)) * time.Microsecond)
		}
		packets[500].Arrival = packets[500].Arrival.Add(100 * ms)
		drift, err := MeasureDrift(packets, SampleRate)
		require.NoError(t, err)
		require.InDelta(t, 1, drift.Slope, 1e-4)
		require.InDelta(t, 5, float64(drift.P50)/float64(ms), 1)
		require.InDelta(t, 10, float64(drift.P99)/float64(ms), 1)
		require.Greater(t, drift.Max, 90*ms)
	})
	t.Run("too little to tell", func(t *testing.T) {
		t.Parallel()
		_, err := MeasureDrift(steady(2), SampleRate)
		require.Error(t, err)
	})
}

func TestReportClock(t *testing.T) {
	t.Parallel()
	// 2208988800 s after 1900 is 1970, RFC 868; half a second is 1<<31.
	clock := ReportClock((2208988800+60)<<32|1<<31, 100, SampleRate)
	require.Equal(t, time.Unix(60, 500e6), clock(100))
	require.Equal(t, time.Unix(61, 500e6), clock(100+SampleRate))
	before := uint32(100)
	before -= SampleRate
	require.Equal(t, time.Unix(59, 500e6), clock(before))
}
