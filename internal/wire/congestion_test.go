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

// path simulates a network with sound, a picture behind a gate, and feedback each
// 100 ms. The server's clock has nothing to do with the sender's. It runs in
// virtual time.
type path struct {
	*Congestion
	gate videoGate

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

func newPath() *path {
	c := new(Congestion)
	c.record()
	return &path{
		Congestion: c, gate: videoGate{congestion: c}, delay: 30 * time.Millisecond, clock: time.Hour,
		count: func(last uint8) uint8 { return last + 1 },
		epoch: time.Now(), random: rand.New(rand.NewPCG(1, 2)),
	}
}

// send puts a packet on the path at an instant.
func (p *path) send(size int, now time.Duration) {
	p.sent(p.number, size, now)
	a := arrival{p.number, -1}
	p.number++
	full := p.room > 0 && p.free-now > p.room
	if !full && p.random.Float64() >= p.loss {
		start := max(now, p.free)
		if p.rate > 0 {
			p.free = start + time.Duration(float64(8*size)/p.rate*float64(time.Second))
			start = p.free
		}
		a.at = start + p.delay + time.Duration(p.random.Float64()*float64(p.jitter))
	}
	p.arrivals = append(p.arrivals, a)
}

// report sends feedback on what arrived by now.
func (p *path) report(now time.Duration) {
	var pairs []arrival
	for len(p.arrivals) > 0 && p.arrivals[0].at <= now {
		pairs = append(pairs, p.arrivals[0])
		p.arrivals = p.arrivals[1:]
	}
	if len(pairs) == 0 || p.still {
		return
	}
	p.feedback = p.count(p.feedback)
	fb := &rtcp.TransportLayerCC{BaseSequenceNumber: pairs[0].number, PacketStatusCount: uint16(len(pairs)), FbPktCount: p.feedback}
	const tick = 64 * time.Millisecond
	var last time.Duration
	for _, a := range pairs {
		symbol := rtcp.TypeTCCPacketNotReceived
		if a.at >= 0 {
			at := p.clock + a.at
			if last == 0 {
				fb.ReferenceTime = uint32(at/tick) & (1<<24 - 1)
				if last = at / tick * tick; p.coarse {
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
	case p.reorder && p.held == nil && p.feedback%3 == 0:
		p.held = fb
	case p.held != nil:
		p.onFeedback(fb)
		p.onFeedback(p.held)
		p.held = nil
	default:
		p.onFeedback(fb)
	}
}

// run plays for a while and returns how many pictures were sent in each second.
// step is called before each 20 ms with the time since the beginning of the run.
func (p *path) run(d time.Duration, step func(time.Duration)) (perSecond []int) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	began := time.Since(p.epoch)
	for {
		now := time.Since(p.epoch)
		if now-began >= d {
			return perSecond
		}
		if second := int((now - began) / time.Second); second == len(perSecond) {
			perSecond = append(perSecond, 0)
		}
		step(now - began)
		p.send(350, now)
		key := now/gop != (now-time.Second/frameRate)/gop || now == 0
		if now%(time.Second/frameRate) == 0 && p.gate.admit(key, time.Now()) {
			perSecond[len(perSecond)-1]++
			for bytes := float64(videoRate) / 8 / frameRate; bytes > 0; bytes -= 1200 {
				p.send(int(min(bytes, 1200)), now)
			}
		}
		if now%(100*time.Millisecond) == 0 {
			p.report(now)
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

func TestPathThatCarriesAllIsNeverCongested(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*path){
		"plain":             func(*path) {},
		"10 % loss":         func(p *path) { p.loss = 0.1 },
		"jitter":            func(p *path) { p.jitter = 60 * time.Millisecond },
		"2 Mbit/s":          func(p *path) { p.rate = 2e6 },
		"long delay":        func(p *path) { p.delay = 400 * time.Millisecond },
		"coarse feedback":   func(p *path) { p.coarse = true },
		"feedback as one":   func(p *path) { p.count = func(uint8) uint8 { return 7 } },
		"reordered":         func(p *path) { p.reorder = true },
		"clocks that drift": func(p *path) { p.rate = 2e6; p.jitter = 10 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPath()
				change(p)
				sent := p.run(5*time.Minute, func(at time.Duration) {
					if name == "clocks that drift" { // 200 ppm, twice the worst of crystals
						p.clock = time.Hour + at/5000
					}
				})
				require.Equal(t, 5*60*frameRate, sum(sent))
				require.InDelta(t, 940_000, float64(p.Rate(time.Now())), 300_000)
			})
		})
	}
}

// TestLongerPathIsNotACongestedOne: the transit time changes, nothing queues and nothing
// is lost. Pictures go on, within 30 s whatever happens.
func TestLongerPathIsNotACongestedOne(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		prepare  func(*path)
		step     func(p *path, at time.Duration)
		withheld int // seconds of pictures that may be withheld
	}{
		"150 ms at once":        {nil, func(p *path, _ time.Duration) { p.delay = 180 * ms }, 0},
		"2 s at once":           {nil, func(p *path, _ time.Duration) { p.delay = 2 * time.Second }, 0},
		"150 ms within 1 s":     {nil, func(p *path, at time.Duration) { p.delay = 30*ms + min(150*ms, at*150/1000) }, 9},
		"150 ms within 5 s":     {nil, func(p *path, at time.Duration) { p.delay = 30*ms + min(150*ms, at*150/5000) }, 9},
		"150 ms within a min":   {nil, func(p *path, at time.Duration) { p.delay = 30*ms + min(150*ms, at*150/60000) }, 0},
		"500 ms within 1 s":     {nil, func(p *path, at time.Duration) { p.delay = 30*ms + min(500*ms, at/2) }, 9},
		"150 ms, coarse":        {func(p *path) { p.coarse = true }, func(p *path, _ time.Duration) { p.delay = 180 * ms }, 9},
		"100 ms, coarse":        {func(p *path) { p.coarse = true }, func(p *path, _ time.Duration) { p.delay = 130 * ms }, 9},
		"150 ms, jitter":        {func(p *path) { p.jitter = 60 * ms }, func(p *path, _ time.Duration) { p.delay = 180 * ms }, 0},
		"150 ms, 5 % loss":      {func(p *path) { p.loss = 0.05 }, func(p *path, _ time.Duration) { p.delay = 180 * ms }, 26},
		"clock set forward":     {nil, func(p *path, _ time.Duration) { p.clock = 2 * time.Hour }, 0},
		"clock set back":        {nil, func(p *path, _ time.Duration) { p.clock = time.Minute }, 0},
		"clock set by 150 ms":   {nil, func(p *path, _ time.Duration) { p.clock = time.Hour + 150*ms }, 0},
		"reference time wraps":  {func(p *path) { p.clock = 1<<24*64*ms - 15*time.Second }, func(*path, time.Duration) {}, 0},
		"our time wraps":        {func(p *path) { p.epoch = p.epoch.Add(-4270 * time.Second) }, func(*path, time.Duration) {}, 0},
		"reference time begins": {func(p *path) { p.clock = 0 }, func(*path, time.Duration) {}, 0},
		"new path after 1 s of none": {nil, func(p *path, at time.Duration) {
			p.delay, p.loss = 180*ms, 0
			if at < time.Second {
				p.loss = 1
			}
		}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPath()
				if c.prepare != nil {
					c.prepare(p)
				}
				require.Equal(t, 20*frameRate, sum(p.run(20*time.Second, stay)))
				sent := p.run(30*time.Second, func(at time.Duration) { c.step(p, at) })
				t.Log(sent)
				require.GreaterOrEqual(t, sum(sent), (30-c.withheld)*frameRate)
				require.Equal(t, 5*60*frameRate, sum(p.run(5*time.Minute, stay)))
				require.InDelta(t, 940_000, float64(p.Rate(time.Now())), 300_000)
			})
		})
	}
}

func TestPathThatIsTooNarrowIsFoundCongestedAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*path)
		within time.Duration
	}{
		"a third":          {func(p *path) { p.rate = 300_000 }, time.Second},
		"a third, shallow": {func(p *path) { p.rate, p.room = 300_000, 150*time.Millisecond }, 2 * time.Second},
		"a third, coarse":  {func(p *path) { p.rate, p.coarse = 300_000, true }, time.Second},
		"four fifths":      {func(p *path) { p.rate = 750_000 }, 2500 * time.Millisecond},
		"nine tenths":      {func(p *path) { p.rate = 850_000 }, 4 * time.Second},
		"half is lost":     {func(p *path) { p.loss = 0.5 }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPath()
				c.change(p)
				var found time.Duration
				p.run(10*time.Second, func(at time.Duration) {
					if found == 0 && p.gate.closed {
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

// TestPictureLeavesANarrowPathToTheSound: of five minutes on a line that carries the
// sound but not the picture, little is spent on trying.
func TestPictureLeavesANarrowPathToTheSound(t *testing.T) {
	t.Parallel()
	for _, coarse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPath()
			p.rate, p.room, p.coarse = 300_000, 500*time.Millisecond, coarse
			sent := p.run(5*time.Minute, stay)
			require.Less(t, sum(sent), 5*frameRate, "pictures that were tried")
			p.rate = 0
			require.Greater(t, sum(p.run(2*time.Minute, stay)), 55*frameRate, "back within the longest rest")
		})
	}
}

func TestVerdictIsForgottenWithoutFeedback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPath()
		p.rate = 300_000
		p.run(time.Second, stay)
		require.True(t, p.gate.closed)
		p.still, p.rate = true, 0
		sent := p.run(10*time.Minute, stay)
		require.GreaterOrEqual(t, sum(sent), (600-8)*frameRate, "the rest, and up to a key frame")
		require.Zero(t, p.Rate(time.Now()))
	})
}

func TestGateClosesForLongerEachTime(t *testing.T) {
	t.Parallel()
	c := new(Congestion)
	c.record()
	g := videoGate{congestion: c}
	now := time.Now()
	find := func(full bool) { c.queued, c.updatedAt = full, now }
	require.True(t, g.admit(true, now))
	require.True(t, g.admit(false, now))
	for _, rest := range []time.Duration{5, 10, 20, 40, 60, 60} {
		rest *= time.Second
		now = now.Add(time.Second)
		find(true)
		require.False(t, g.admit(true, now), "congested")
		require.True(t, g.withholding())
		find(false)
		require.False(t, g.admit(true, now.Add(rest-1)), "not yet")
		now = now.Add(rest + 1)
		require.False(t, g.admit(false, now), "not a key frame")
		require.True(t, g.admit(true, now))
		find(true)
		require.True(t, g.admit(false, now.Add(settle/2)), "not judged at once")
	}
	require.EqualValues(t, 18, g.dropped)
	now = now.Add(time.Hour)
	require.True(t, g.admit(false, now), "feedback of an hour ago")
	find(true)
	require.False(t, g.admit(false, now))
	require.Equal(t, minRest, g.rest, "it went well for long")
}

func TestGateClosesWhileNobodyWatches(t *testing.T) {
	t.Parallel()
	g := videoGate{congestion: new(Congestion)}
	now := time.Now()
	require.True(t, g.admit(true, now))
	g.setWatched(false, now)
	g.setWatched(false, now.Add(unwatchedFor/2))
	require.True(t, g.admit(false, now.Add(unwatchedFor-1)), "a viewer who comes back at once misses nothing")
	require.False(t, g.admit(true, now.Add(unwatchedFor)))
	require.True(t, g.withholding())
	g.setWatched(true, now.Add(unwatchedFor))
	require.False(t, g.admit(false, now.Add(unwatchedFor)), "not a key frame")
	require.True(t, g.admit(true, now.Add(unwatchedFor)))
	require.True(t, g.admit(false, now.Add(unwatchedFor)))
	require.EqualValues(t, 2, g.unseen)
	require.Zero(t, g.dropped)
}

func TestMalformedFeedbackIsSurvived(t *testing.T) {
	t.Parallel()
	c := new(Congestion)
	c.record()
	c.onFeedback(&rtcp.TransportLayerCC{})
	c.onFeedback(&rtcp.TransportLayerCC{FbPktCount: 1, PacketStatusCount: 65535})
	c.onFeedback(&rtcp.TransportLayerCC{FbPktCount: 2, PacketStatusCount: 3, PacketChunks: []rtcp.PacketStatusChunk{
		&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 8191},
	}})
	require.False(t, c.congested(time.Now()))
	for _, b := range [][]byte{nil, {0}, {0x80, 205, 0, 0}, make([]byte, 40)} {
		HandleRTCP(b, testSSRC, nil, c)
	}
}
