//go:build go1.25

package wire

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

const (
	videoRate = 800_000
	frameRate = 25
	gop       = 2 * time.Second
)

// way simulates a network with sound, a picture behind a gate, and feedback each
// 100 ms. The server's clock has nothing to do with the sender's. It runs in
// virtual time.
type way struct {
	*Congestion
	gate gate

	delay, jitter time.Duration
	loss          float64
	rate          float64       // bits per second; 0 for no limit
	room          time.Duration // of the queue before it; 0 for no limit
	clock         time.Duration // of the server, ahead of ours
	coarse        bool          // the reference time is cut off as Telegram's test server does
	still         bool          // no feedback comes
	count         func(uint8) uint8
	reorder       bool // every third feedback comes after the fourth

	epoch    time.Time
	random   *rand.Rand
	number   uint16
	free     time.Duration // when the bottleneck is free
	feedback uint8
	arrivals []arrival
	held     *rtcp.TransportLayerCC
}

type arrival struct {
	number uint16
	at     time.Duration // on our clock; negative: lost
}

func newWay() *way {
	e := new(Congestion)
	return &way{
		Congestion: e, gate: gate{estimate: e}, delay: 30 * time.Millisecond, clock: time.Hour,
		count: func(last uint8) uint8 { return last + 1 },
		epoch: time.Now(), random: rand.New(rand.NewPCG(1, 2)),
	}
}

// send puts a packet on the way at an instant.
func (w *way) send(size int, now time.Duration) {
	w.note(w.number, size, now)
	a := arrival{w.number, -1}
	w.number++
	full := w.room > 0 && w.free-now > w.room
	if !full && w.random.Float64() >= w.loss {
		start := max(now, w.free)
		if w.rate > 0 {
			w.free = start + time.Duration(float64(8*size)/w.rate*float64(time.Second))
			start = w.free
		}
		a.at = start + w.delay + time.Duration(w.random.Float64()*float64(w.jitter))
	}
	w.arrivals = append(w.arrivals, a)
}

// report sends feedback on what arrived by now.
func (w *way) report(now time.Duration) {
	var pairs []arrival
	for len(w.arrivals) > 0 && w.arrivals[0].at <= now {
		pairs = append(pairs, w.arrivals[0])
		w.arrivals = w.arrivals[1:]
	}
	if len(pairs) == 0 || w.still {
		return
	}
	w.feedback = w.count(w.feedback)
	fb := &rtcp.TransportLayerCC{BaseSequenceNumber: pairs[0].number, PacketStatusCount: uint16(len(pairs)), FbPktCount: w.feedback}
	const tick = 64 * time.Millisecond
	var last time.Duration
	for _, p := range pairs {
		symbol := rtcp.TypeTCCPacketNotReceived
		if p.at >= 0 {
			at := w.clock + p.at
			if last == 0 {
				fb.ReferenceTime = uint32(at/tick) & (1<<24 - 1)
				if last = at / tick * tick; w.coarse {
					last = at
				}
			}
			symbol = rtcp.TypeTCCPacketReceivedLargeDelta
			fb.RecvDeltas = append(fb.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: (at - last).Microseconds()})
			last = at
		}
		fb.PacketChunks = append(fb.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: 1})
	}
	switch {
	case w.reorder && w.held == nil && w.feedback%3 == 0:
		w.held = fb
	case w.held != nil:
		w.hear(fb)
		w.hear(w.held)
		w.held = nil
	default:
		w.hear(fb)
	}
}

// run plays for a while and returns how many pictures were sent in each second.
// step is called before each 20 ms with the time since the beginning of the run.
func (w *way) run(d time.Duration, step func(time.Duration)) (perSecond []int) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	began := time.Since(w.epoch)
	for {
		now := time.Since(w.epoch)
		if now-began >= d {
			return perSecond
		}
		if second := int((now - began) / time.Second); second == len(perSecond) {
			perSecond = append(perSecond, 0)
		}
		step(now - began)
		w.send(350, now)
		key := now/gop != (now-time.Second/frameRate)/gop || now == 0
		if now%(time.Second/frameRate) == 0 && w.gate.admit(key, time.Now()) {
			perSecond[len(perSecond)-1]++
			for bytes := float64(videoRate) / 8 / frameRate; bytes > 0; bytes -= 1200 {
				w.send(int(min(bytes, 1200)), now)
			}
		}
		if now%(100*time.Millisecond) == 0 {
			w.report(now)
		}
		<-ticker.C
	}
}

func sum(of []int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

func stay(time.Duration) {}

func TestWayThatCarriesAllIsNeverFull(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*way){
		"plain":             func(*way) {},
		"10 % loss":         func(w *way) { w.loss = 0.1 },
		"jitter":            func(w *way) { w.jitter = 60 * time.Millisecond },
		"2 Mbit/s":          func(w *way) { w.rate = 2e6 },
		"long delay":        func(w *way) { w.delay = 400 * time.Millisecond },
		"coarse feedback":   func(w *way) { w.coarse = true },
		"feedback as one":   func(w *way) { w.count = func(uint8) uint8 { return 7 } },
		"reordered":         func(w *way) { w.reorder = true },
		"clocks that drift": func(w *way) { w.rate = 2e6; w.jitter = 10 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWay()
				change(w)
				sent := w.run(5*time.Minute, func(at time.Duration) {
					if name == "clocks that drift" { // 200 ppm, twice the worst of crystals
						w.clock = time.Hour + at/5000
					}
				})
				require.Equal(t, 5*60*frameRate, sum(sent))
				require.InDelta(t, 940_000, float64(w.Rate(time.Now())), 300_000)
			})
		})
	}
}

// TestLongerWayIsNotAFullOne: the transit time changes, nothing queues and nothing
// is lost. Pictures go on, within 30 s whatever happens.
func TestLongerWayIsNotAFullOne(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		prepare func(*way)
		step    func(w *way, at time.Duration)
		shed    int // seconds of pictures that may be held back
	}{
		"150 ms at once":        {nil, func(w *way, _ time.Duration) { w.delay = 180 * ms }, 0},
		"2 s at once":           {nil, func(w *way, _ time.Duration) { w.delay = 2 * time.Second }, 0},
		"150 ms within 1 s":     {nil, func(w *way, at time.Duration) { w.delay = 30*ms + min(150*ms, at*150/1000) }, 9},
		"150 ms within 5 s":     {nil, func(w *way, at time.Duration) { w.delay = 30*ms + min(150*ms, at*150/5000) }, 9},
		"150 ms within a min":   {nil, func(w *way, at time.Duration) { w.delay = 30*ms + min(150*ms, at*150/60000) }, 0},
		"500 ms within 1 s":     {nil, func(w *way, at time.Duration) { w.delay = 30*ms + min(500*ms, at/2) }, 9},
		"150 ms, coarse":        {func(w *way) { w.coarse = true }, func(w *way, _ time.Duration) { w.delay = 180 * ms }, 9},
		"100 ms, coarse":        {func(w *way) { w.coarse = true }, func(w *way, _ time.Duration) { w.delay = 130 * ms }, 9},
		"150 ms, jitter":        {func(w *way) { w.jitter = 60 * ms }, func(w *way, _ time.Duration) { w.delay = 180 * ms }, 0},
		"150 ms, 5 % loss":      {func(w *way) { w.loss = 0.05 }, func(w *way, _ time.Duration) { w.delay = 180 * ms }, 26},
		"clock set forward":     {nil, func(w *way, _ time.Duration) { w.clock = 2 * time.Hour }, 0},
		"clock set back":        {nil, func(w *way, _ time.Duration) { w.clock = time.Minute }, 0},
		"clock set by 150 ms":   {nil, func(w *way, _ time.Duration) { w.clock = time.Hour + 150*ms }, 0},
		"reference time wraps":  {func(w *way) { w.clock = 1<<24*64*ms - 15*time.Second }, func(*way, time.Duration) {}, 0},
		"reference time begins": {func(w *way) { w.clock = 0 }, func(*way, time.Duration) {}, 0},
		"new way after 1 s of none": {nil, func(w *way, at time.Duration) {
			w.delay, w.loss = 180*ms, 0
			if at < time.Second {
				w.loss = 1
			}
		}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWay()
				if c.prepare != nil {
					c.prepare(w)
				}
				require.Equal(t, 20*frameRate, sum(w.run(20*time.Second, stay)))
				sent := w.run(30*time.Second, func(at time.Duration) { c.step(w, at) })
				t.Log(sent)
				require.GreaterOrEqual(t, sum(sent), (30-c.shed)*frameRate)
				require.Equal(t, 5*60*frameRate, sum(w.run(5*time.Minute, stay)))
				require.InDelta(t, 940_000, float64(w.Rate(time.Now())), 300_000)
			})
		})
	}
}

func TestWayThatIsTooNarrowIsFoundFullAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*way)
		within time.Duration
	}{
		"a third":          {func(w *way) { w.rate = 300_000 }, time.Second},
		"a third, shallow": {func(w *way) { w.rate, w.room = 300_000, 150*time.Millisecond }, 2 * time.Second},
		"a third, coarse":  {func(w *way) { w.rate, w.coarse = 300_000, true }, time.Second},
		"four fifths":      {func(w *way) { w.rate = 750_000 }, 2500 * time.Millisecond},
		"nine tenths":      {func(w *way) { w.rate = 850_000 }, 4 * time.Second},
		"half is lost":     {func(w *way) { w.loss = 0.5 }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWay()
				c.change(w)
				var found time.Duration
				w.run(10*time.Second, func(at time.Duration) {
					if found == 0 && w.gate.closed {
						found = at
					}
				})
				t.Log(found)
				require.Positive(t, found)
				require.LessOrEqual(t, found, c.within)
			})
		})
	}
}

// TestPictureLeavesANarrowWayToTheSound: of five minutes on a line that carries the
// sound but not the picture, little is spent on trying.
func TestPictureLeavesANarrowWayToTheSound(t *testing.T) {
	t.Parallel()
	for _, coarse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWay()
			w.rate, w.room, w.coarse = 300_000, 500*time.Millisecond, coarse
			sent := w.run(5*time.Minute, stay)
			require.Less(t, sum(sent), 5*frameRate, "pictures that were tried")
			w.rate = 0
			require.Greater(t, sum(w.run(2*time.Minute, stay)), 55*frameRate, "back within the longest rest")
		})
	}
}

func TestVerdictIsForgottenWithoutFeedback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWay()
		w.rate = 300_000
		w.run(time.Second, stay)
		require.True(t, w.gate.closed)
		w.still, w.rate = true, 0
		sent := w.run(10*time.Minute, stay)
		require.GreaterOrEqual(t, sum(sent), (600-8)*frameRate, "the rest, and up to a key frame")
		require.Zero(t, w.Rate(time.Now()))
	})
}

func TestGateClosesForLongerEachTime(t *testing.T) {
	t.Parallel()
	e := new(Congestion)
	g := gate{estimate: e}
	now := time.Now()
	find := func(full bool) { e.crowded, e.heardAt = full, now }
	require.True(t, g.admit(true, now))
	require.True(t, g.admit(false, now))
	for _, rest := range []time.Duration{5, 10, 20, 40, 60, 60} {
		rest *= time.Second
		now = now.Add(time.Second)
		find(true)
		require.False(t, g.admit(true, now), "full")
		require.True(t, g.shut())
		find(false)
		require.False(t, g.admit(true, now.Add(rest-1)), "not yet")
		now = now.Add(rest + 1)
		require.False(t, g.admit(false, now), "not a key frame")
		require.True(t, g.admit(true, now))
		find(true)
		require.True(t, g.admit(false, now.Add(settle/2)), "not judged at once")
	}
	require.EqualValues(t, 18, g.shed)
	now = now.Add(time.Hour)
	require.True(t, g.admit(false, now), "feedback of an hour ago")
	find(true)
	require.False(t, g.admit(false, now))
	require.Equal(t, minRest, g.rest, "it went well for long")
}

func TestGateClosesWhileNobodyWatches(t *testing.T) {
	t.Parallel()
	g := gate{estimate: new(Congestion)}
	now := time.Now()
	require.True(t, g.admit(true, now))
	g.watch(false, now)
	g.watch(false, now.Add(unwatchedFor/2))
	require.True(t, g.admit(false, now.Add(unwatchedFor-1)), "a viewer who comes back at once misses nothing")
	require.False(t, g.admit(true, now.Add(unwatchedFor)))
	require.True(t, g.shut())
	g.watch(true, now.Add(unwatchedFor))
	require.False(t, g.admit(false, now.Add(unwatchedFor)), "not a key frame")
	require.True(t, g.admit(true, now.Add(unwatchedFor)))
	require.True(t, g.admit(false, now.Add(unwatchedFor)))
	require.EqualValues(t, 2, g.unseen)
	require.Zero(t, g.shed)
}

func TestMalformedFeedbackIsSurvived(t *testing.T) {
	t.Parallel()
	e := new(Congestion)
	e.hear(&rtcp.TransportLayerCC{})
	e.hear(&rtcp.TransportLayerCC{FbPktCount: 1, PacketStatusCount: 65535})
	e.hear(&rtcp.TransportLayerCC{FbPktCount: 2, PacketStatusCount: 3, PacketChunks: []rtcp.PacketStatusChunk{
		&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 8191},
	}})
	require.False(t, e.full(time.Now()))
	for _, b := range [][]byte{nil, {0}, {0x80, 205, 0, 0}, make([]byte, 40)} {
		HandleRTCP(b, testSSRC, nil, e)
	}
}
