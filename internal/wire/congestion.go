package wire

import (
	"iter"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// sentSize is how many packets can be looked up when feedback comes: a few
	// seconds of video. Feedback on more packets at once is ignored.
	sentSize = 1024
	// maxQueue is how much longer than the base transit packets may take before
	// a queue is suspected: viewers conceal about as much.
	maxQueue = 120 * time.Millisecond
	// minRun is how many feedback packets in a row, one each 100 ms, have to
	// show a queue: a machine that was busy for a moment makes one too.
	minRun = 3
	// surge is a growth of the transit within a run that only a queue explains.
	// The reference time of Telegram's test server is off by up to 64 ms.
	surge = 70 * time.Millisecond
	// fullRun is how long a run has to be for its trend to be judged: either the
	// path is congested, or it is longer than before.
	fullRun = 10
	// maxTrend is by how much the mean transit of the second half of a full run
	// exceeds that of the first, half a second before, when a queue grows: 5 %
	// more is sent than the path carries. That server's errors stay below in 49
	// of 50.
	maxTrend = 25 * time.Millisecond
	// strayLoss is the share of packets that any path may lose during a full run.
	strayLoss = 0.02
	// rebaseInterval is the least time between two rebases: a queue that grows
	// too slowly to be seen must not pass for one longer path after the other.
	rebaseInterval = 10 * time.Second
	// heavyLoss is the share of lost packets above which the path is congested,
	// queue or not: more than any path loses at random.
	heavyLoss = 0.25
	// verdictAge is how long a verdict is kept without feedback.
	verdictAge = 1500 * time.Millisecond
	// reorderWithin is how late feedback may be overtaken by later feedback.
	// What looks later than that is a clock that was set back.
	reorderWithin = time.Second
	// rateAge is how long a rate is reported without feedback: padding, and
	// feedback on it, comes each 2 s at the least.
	rateAge = 5 * time.Second
)

// Congestion estimates from transport-wide feedback
// (draft-holmer-rmcat-transport-wide-cc) how much the path to the server carries,
// and detects congestion. The zero value is ready; its methods are safe for
// concurrent use.
//
// It is simple on purpose: what is sent has a fixed rate, so the one decision is
// whether the picture still has room beside the sound. On a congested path a queue
// grows, or loses packets. A transit that is longer but steady is another path:
// another route, a clock that was set.
type Congestion struct {
	mu      sync.Mutex    // guards what follows
	packets []sentTime    // sentSize of them from the first picture on
	sentAt  time.Duration // when the last packet was sent, since the connection's epoch

	base      baseline
	queue     time.Duration // how much longer than the base the transit is now
	run       run           // feedback in a row with too long a queue
	queued    bool          // the verdict on the run
	rebasedAt time.Time
	loss      float64   // share of lost packets, smoothed over a few seconds
	updatedAt time.Time // when feedback came last

	reference int64         // the last reference time, unwrapped, in 64 ms
	lastAt    time.Duration // when the last packet so far arrived, on the server's clock
	started   bool          // lastAt is set
	bits      int           // arrived since lastAt
	rate      float64       // bits per second that arrived, smoothed
}

// sentTime is a packet that was sent. It is small, as a connection keeps many.
type sentTime struct {
	number uint16
	size   uint16 // 0: no packet
	at     uint32 // the low 32 bits of the microseconds since the connection's epoch
}

// record makes sent record packets from now on: before the first picture the estimate is
// of no use.
func (c *Congestion) record() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packets == nil {
		c.packets = make([]sentTime, sentSize)
	}
}

// sent records a packet that is being sent.
func (c *Congestion) sent(number uint16, size int, at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packets == nil {
		return
	}
	c.sentAt = at
	c.packets[number%sentSize] = sentTime{number, uint16(size), uint32(at.Microseconds())}
}

// age returns how long before the last packet another was sent. The 71 minutes after
// which its clock wraps are more than sentSize packets take, padding included.
func (c *Congestion) age(p sentTime) time.Duration {
	return time.Duration(uint32(c.sentAt.Microseconds())-p.at) * time.Microsecond
}

// tally is what one feedback packet reports about the packets that are recorded.
type tally struct {
	lost, arrived, bits int
	last                time.Duration // when the last one arrived
	transit             time.Duration // the shortest, on clocks of unknown offset
}

// onFeedback updates the estimate with one feedback packet.
func (c *Congestion) onFeedback(fb *rtcp.TransportLayerCC) {
	if fb.PacketStatusCount > sentSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packets == nil {
		return
	}
	t, ok := c.lookUp(fb)
	if !ok || t.lost+t.arrived == 0 {
		return
	}
	now := time.Now()
	if now.Sub(c.updatedAt) > verdictAge {
		c.run, c.queued, c.loss = run{}, false, 0
	}
	c.updatedAt = now
	const lossWeight = 0.1 // a feedback packet comes each 100 ms
	c.loss += lossWeight * (float64(t.lost)/float64(t.lost+t.arrived) - c.loss)
	if t.arrived > 0 {
		c.updateQueue(t, now)
		c.updateRate(t)
	}
}

// lookUp finds the packets that the feedback is about. It reports false for
// malformed feedback.
func (c *Congestion) lookUp(fb *rtcp.TransportLayerCC) (t tally, ok bool) {
	// The reference time has 24 bits and wraps each 12.4 days.
	reference := c.reference + int64(int32((fb.ReferenceTime-uint32(c.reference))<<8)>>8)
	at := time.Duration(reference) * 64 * time.Millisecond
	t.last, t.transit = -1<<63, 1<<63-1
	deltas := fb.RecvDeltas
	number := fb.BaseSequenceNumber
	for received := range statuses(fb) {
		packet := c.packets[number%sentSize]
		known := packet.size > 0 && packet.number == number
		number++
		if !received {
			if known {
				t.lost++
			}
			continue
		}
		if len(deltas) == 0 {
			return t, false
		}
		at += time.Duration(deltas[0].Delta) * time.Microsecond
		deltas = deltas[1:]
		if known {
			t.arrived++
			t.bits += 8 * int(packet.size)
			t.last = max(t.last, at)
			t.transit = min(t.transit, at-c.sentAt+c.age(packet))
		}
	}
	c.reference = reference
	return t, true
}

// updateQueue decides whether a queue grows.
func (c *Congestion) updateQueue(t tally, now time.Time) {
	c.queue = t.transit - c.base.least(t.transit, now)
	if c.queue <= maxQueue {
		c.run, c.queued = run{}, false
		return
	}
	c.run.add(t)
	switch {
	case c.run.n < minRun:
	case c.run.growth() > surge:
		c.queued = true
	case c.run.n < fullRun:
	case c.run.trend() > maxTrend || c.run.loss() > strayLoss || now.Sub(c.rebasedAt) < rebaseInterval:
		c.queued = true
	default:
		c.base.reset(t.transit, now)
		c.rebasedAt = now
		c.run, c.queued, c.queue = run{}, false, 0
	}
}

// updateRate smooths the rate at which bits arrive.
func (c *Congestion) updateRate(t tally) {
	const weight, usual = 0.3, 0.1 // seconds from one feedback packet to the next
	c.bits += t.bits
	span := t.last - c.lastAt
	switch {
	case !c.started || span < -reorderWithin || span > baseAge:
		c.started = true // the server's clock was set, or nothing was sent
	case span <= 0:
		return
	default:
		share := min(1, weight*span.Seconds()/usual)
		c.rate += share * (float64(c.bits)/span.Seconds() - c.rate)
	}
	c.lastAt, c.bits = t.last, 0
}

// congested reports whether the path carries less than is being sent.
func (c *Congestion) congested(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.updatedAt) <= verdictAge && (c.queued || c.loss > heavyLoss)
}

// Rate returns how many bits per second arrive, 0 without recent feedback.
func (c *Congestion) Rate(now time.Time) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.updatedAt) > rateAge {
		return 0
	}
	return uint64(c.rate)
}

// statuses yields, for each packet that the feedback covers, whether it arrived.
func statuses(fb *rtcp.TransportLayerCC) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		left := int(fb.PacketStatusCount)
		next := func(symbol uint16) bool {
			left--
			return yield(symbol == rtcp.TypeTCCPacketReceivedSmallDelta || symbol == rtcp.TypeTCCPacketReceivedLargeDelta)
		}
		for _, chunk := range fb.PacketChunks {
			switch chunk := chunk.(type) {
			case *rtcp.RunLengthChunk:
				for range min(int(chunk.RunLength), left) {
					if !next(chunk.PacketStatusSymbol) {
						return
					}
				}
			case *rtcp.StatusVectorChunk:
				for _, symbol := range chunk.SymbolList[:min(len(chunk.SymbolList), left)] {
					if !next(symbol) {
						return
					}
				}
			}
		}
	}
}
