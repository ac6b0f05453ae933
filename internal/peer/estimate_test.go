package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

// way simulates a network for an estimate: a delay, jitter, loss and a rate, with
// feedback each 100 ms. Its clock has nothing to do with the sender's.
type way struct {
	*estimate
	delay, jitter time.Duration
	loss          float64
	rate          float64 // bits per second; 0 for no limit
	random        *rand.Rand

	number   uint16
	free     time.Duration // when the bottleneck is free
	count    uint8
	arrivals []arrival
}

type arrival struct {
	number uint16
	at     time.Duration // negative: lost
}

func newWay() *way {
	return &way{estimate: new(estimate), delay: 30 * time.Millisecond, random: rand.New(rand.NewPCG(1, 2))}
}

// send puts a packet on the way at an instant.
func (w *way) send(size int, now time.Duration) {
	w.note(w.number, size, now)
	a := arrival{w.number, -1}
	w.number++
	if w.random.Float64() >= w.loss {
		start := max(now, w.free)
		if w.rate > 0 {
			w.free = start + time.Duration(float64(8*size)/w.rate*float64(time.Second))
			start = w.free
		}
		a.at = time.Hour + start + w.delay + time.Duration(w.random.Float64()*float64(w.jitter))
	}
	w.arrivals = append(w.arrivals, a)
}

// report sends feedback on what arrived by now.
func (w *way) report(now time.Duration) {
	var pairs []arrival
	for len(w.arrivals) > 0 && w.arrivals[0].at <= time.Hour+now {
		pairs = append(pairs, w.arrivals[0])
		w.arrivals = w.arrivals[1:]
	}
	if len(pairs) == 0 {
		return
	}
	fb := &rtcp.TransportLayerCC{BaseSequenceNumber: pairs[0].number, PacketStatusCount: uint16(len(pairs)), FbPktCount: w.count}
	w.count++
	var at time.Duration
	for _, p := range pairs {
		symbol := rtcp.TypeTCCPacketNotReceived
		if p.at >= 0 {
			if at == 0 {
				fb.ReferenceTime = uint32(p.at / (64 * time.Millisecond))
				at = time.Duration(fb.ReferenceTime) * 64 * time.Millisecond
			}
			symbol = rtcp.TypeTCCPacketReceivedLargeDelta
			fb.RecvDeltas = append(fb.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: (p.at - at).Microseconds()})
			at = p.at
		}
		fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: 1})
	}
	w.hear(fb)
	w.hear(fb) // pion hands a packet to every stream it speaks of
}

// run plays sound and, at a bit rate, pictures until stop says so, for a minute at
// most, and returns how long that was.
func (w *way) run(videoRate float64, stop func() bool) time.Duration {
	for now := time.Duration(0); now < time.Minute; now += 20 * time.Millisecond {
		w.send(350, now)
		if now%(40*time.Millisecond) == 0 {
			for bytes := videoRate / 8 / 25; bytes > 0; bytes -= 1200 {
				w.send(int(min(bytes, 1200)), now)
			}
		}
		if now%(100*time.Millisecond) == 0 {
			w.report(now)
			if stop() {
				return now
			}
		}
	}
	return time.Minute
}

func TestWayThatCarriesAllIsNeverFull(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*way){
		"plain":      func(*way) {},
		"10 % loss":  func(w *way) { w.loss = 0.1 },
		"jitter":     func(w *way) { w.jitter = 60 * time.Millisecond },
		"2 Mbit/s":   func(w *way) { w.rate = 2e6 },
		"long delay": func(w *way) { w.delay = 400 * time.Millisecond },
	} {
		w := newWay()
		change(w)
		require.Equal(t, time.Minute, w.run(800_000, w.full), name)
		require.InDelta(t, 940_000, float64(w.estimate.rate()), 300_000, name)
	}
}

func TestWayThatIsTooNarrowIsFoundFullAtOnce(t *testing.T) {
	t.Parallel()
	w := newWay()
	w.rate = 300_000
	require.Less(t, w.run(800_000, w.full), time.Second)
	w = newWay()
	w.loss = 0.5
	require.Less(t, w.run(800_000, w.full), time.Second)
}

func TestGateClosesForLongerEachTime(t *testing.T) {
	t.Parallel()
	e := new(estimate)
	g := gate{estimate: e}
	now := time.Now()
	e.queued = 0
	require.True(t, g.admit(true, now))
	require.True(t, g.admit(false, now))
	for _, rest := range []time.Duration{5, 10, 20, 40, 60, 60} {
		rest *= time.Second
		e.queued = patience
		now = now.Add(time.Second)
		require.False(t, g.admit(true, now), "full")
		e.queued = 0
		require.False(t, g.admit(true, now.Add(rest-1)), "not yet")
		now = now.Add(rest + 1)
		require.False(t, g.admit(false, now), "not a key frame")
		require.True(t, g.admit(true, now))
		e.queued = patience
		require.True(t, g.admit(false, now.Add(settle/2)), "not judged at once")
	}
	require.EqualValues(t, 18, g.shed)
	e.queued = 0
	now = now.Add(time.Hour)
	require.True(t, g.admit(false, now))
	e.queued = patience
	require.False(t, g.admit(false, now))
	require.Equal(t, minRest, g.rest, "it went well for long")
}

func TestMalformedFeedbackIsSurvived(t *testing.T) {
	t.Parallel()
	e := new(estimate)
	e.hear(&rtcp.TransportLayerCC{})
	e.hear(&rtcp.TransportLayerCC{FbPktCount: 1, PacketStatusCount: 65535})
	e.hear(&rtcp.TransportLayerCC{FbPktCount: 2, PacketStatusCount: 3, PacketChunks: []rtcp.PacketStatusChunk{
		&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 8191},
	}})
	require.False(t, e.full())
	w := ear{conn: &Conn{}}
	for _, b := range [][]byte{nil, {0}, {0x80, 205, 0, 0}, make([]byte, 40)} {
		n, err := w.Write(b)
		require.NoError(t, err)
		require.Equal(t, len(b), n)
	}
}
