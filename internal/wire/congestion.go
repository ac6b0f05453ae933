package wire

import (
	"iter"
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// sentSize is how many packets can be looked up when feedback comes: some
	// seconds of video. Feedback on more packets at once is ignored.
	sentSize = 1024
	// queueing is how much longer than at best packets may take before a queue
	// is suspected: viewers conceal about as much.
	queueing = 120 * time.Millisecond
	// patience is how many feedback packets in a row, one each 100 ms, have to
	// show a queue: a machine that was busy for a moment makes one too.
	patience = 3
	// surge is a growth since the first of them that only a queue explains. The
	// reference time of Telegram's test server is off by up to 64 ms.
	surge = 70 * time.Millisecond
	// judged is after how many of them in a row the way is found full, or
	// longer than before.
	judged = 10
	// creep is by how much the mean transit of the second half of them exceeds
	// that of the first, half a second before, when a queue grows: 5 % more is
	// sent than the way carries. That server's errors stay below in 49 of 50.
	creep = 25 * time.Millisecond
	// stray is the share of packets that any line may lose while it is judged.
	stray = 0.02
	// rebaseRest is the least time between two rebases: a queue that grows too
	// slowly to be seen must not pass for one longer way after the other.
	rebaseRest = 10 * time.Second
	// lossy is the share of lost packets above which the way is taken for full,
	// queue or not: more than any line loses at random.
	lossy = 0.25
	// staleAfter is how long without feedback a verdict is kept.
	staleAfter = 1500 * time.Millisecond
	// reorderWithin is how late feedback may be overtaken by later feedback.
	// What looks later than that is a clock that was set back.
	reorderWithin = time.Second
	// rateAge is how long without feedback a rate is shown: padding, and feedback
	// on it, comes each 2 s at the least.
	rateAge = 5 * time.Second
)

// Congestion watches the transport-wide feedback (draft-holmer-rmcat-transport-wide-cc)
// and says how much the way to the server carries, and whether it is full.
//
// It is simple on purpose: what is sent has a fixed rate, so all there is to decide
// is whether the picture still has room beside the sound. A queue grows, or loses
// packets. A transit time that is longer but steady is another way: another route,
// a clock that was set.
type Congestion struct {
	mu   sync.Mutex // guards what follows
	sent [sentSize]sentMark

	base      baseline
	queue     time.Duration // how much longer than the base it takes now
	run       run           // feedback in a row with too long a queue
	crowded   bool          // the verdict on the run
	rebasedAt time.Time
	loss      float64   // share of lost packets, smoothed over some seconds
	heardAt   time.Time // when feedback came last

	reference int64         // the last reference time, unwrapped, in 64 ms
	lastAt    time.Duration // when the last packet so far arrived, on the server's clock
	started   bool          // lastAt is set
	bits      int           // arrived since lastAt
	carried   float64       // bits per second that arrived, smoothed
}

type sentMark struct {
	number uint16
	size   int
	at     time.Duration // since the connection's epoch
	set    bool
}

// note records a packet that is being sent.
func (e *Congestion) note(number uint16, size int, at time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent[number%sentSize] = sentMark{number, size, at, true}
}

// tally is what one feedback packet says of the packets that are remembered.
type tally struct {
	lost, arrived, bits int
	last                time.Duration // when the last one arrived
	transit             time.Duration // the shortest, on clocks of unknown offset
}

// hear takes one feedback packet.
func (e *Congestion) hear(fb *rtcp.TransportLayerCC) {
	if fb.PacketStatusCount > sentSize {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.count(fb)
	if !ok || t.lost+t.arrived == 0 {
		return
	}
	now := time.Now()
	if now.Sub(e.heardAt) > staleAfter {
		e.forget()
	}
	e.heardAt = now
	const lossWeight = 0.1 // a feedback packet comes each 100 ms
	e.loss += lossWeight * (float64(t.lost)/float64(t.lost+t.arrived) - e.loss)
	if t.arrived > 0 {
		e.judge(t, now)
		e.measure(t)
	}
}

// count looks up what the feedback is about. It reports false for a malformed one.
func (e *Congestion) count(fb *rtcp.TransportLayerCC) (t tally, ok bool) {
	// The reference time has 24 bits and wraps each 12.4 days.
	reference := e.reference + int64(int32((fb.ReferenceTime-uint32(e.reference))<<8)>>8)
	at := time.Duration(reference) * 64 * time.Millisecond
	t.last, t.transit = -1<<63, 1<<63-1
	deltas := fb.RecvDeltas
	number := fb.BaseSequenceNumber
	for received := range statuses(fb) {
		mark := e.sent[number%sentSize]
		known := mark.set && mark.number == number
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
			t.bits += 8 * mark.size
			t.last = max(t.last, at)
			t.transit = min(t.transit, at-mark.at)
		}
	}
	e.reference = reference
	return t, true
}

// judge looks whether a queue grows.
func (e *Congestion) judge(t tally, now time.Time) {
	e.queue = t.transit - e.base.least(t.transit, now)
	if e.queue <= queueing {
		e.run, e.crowded = run{}, false
		return
	}
	e.run.add(t)
	switch {
	case e.run.n < patience:
	case e.run.grown() > surge:
		e.crowded = true
	case e.run.n < judged:
	case e.run.creeping() > creep || e.run.loss() > stray || now.Sub(e.rebasedAt) < rebaseRest:
		e.crowded = true
	default:
		e.base.reset(t.transit, now)
		e.rebasedAt = now
		e.run, e.crowded, e.queue = run{}, false, 0
	}
}

// measure smooths how much arrives.
func (e *Congestion) measure(t tally) {
	const weight, usual = 0.3, 0.1 // seconds from one feedback packet to the next
	e.bits += t.bits
	span := t.last - e.lastAt
	switch {
	case !e.started || span < -reorderWithin || span > baseAge:
		e.started = true // the server's clock was set, or nothing was sent
	case span <= 0:
		return
	default:
		share := min(1, weight*span.Seconds()/usual)
		e.carried += share * (float64(e.bits)/span.Seconds() - e.carried)
	}
	e.lastAt, e.bits = t.last, 0
}

// forget drops a verdict that no feedback confirms.
func (e *Congestion) forget() { e.run, e.crowded, e.loss = run{}, false, 0 }

// full reports whether the way carries less than is being sent.
func (e *Congestion) full(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Sub(e.heardAt) <= staleAfter && (e.crowded || e.loss > lossy)
}

// Rate is how many bits per second arrive: none when no feedback says so.
func (e *Congestion) Rate(now time.Time) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.heardAt) > rateAge {
		return 0
	}
	return uint64(e.carried)
}

// run is feedback in a row with too long a transit, the last of it.
type run struct {
	transits      [judged]time.Duration // oldest first
	lost, packets [judged]int
	n             int
}

func (r *run) add(t tally) {
	if r.n == judged {
		copy(r.transits[:], r.transits[1:])
		copy(r.lost[:], r.lost[1:])
		copy(r.packets[:], r.packets[1:])
		r.n--
	}
	r.transits[r.n], r.lost[r.n], r.packets[r.n] = t.transit, t.lost, t.lost+t.arrived
	r.n++
}

// grown is by how much the last transit exceeds the first.
func (r *run) grown() time.Duration { return r.transits[r.n-1] - r.transits[0] }

// creeping is by how much the mean of the second half exceeds that of the first.
// The run must be complete.
func (r *run) creeping() time.Duration {
	const half = judged / 2
	var growth time.Duration
	for i := range half {
		growth += (r.transits[half+i] - r.transits[i]) / half
	}
	return growth
}

// loss is the share of lost packets.
func (r *run) loss() float64 {
	var lost, packets int
	for i := range r.n {
		lost += r.lost[i]
		packets += r.packets[i]
	}
	return float64(lost) / float64(packets)
}

// baseline finds the least of the values of the last 10 to 15 s: clocks drift and
// routes change.
type baseline struct {
	slots [baseSlots]time.Duration // the least of each slot, newest first
	began time.Time                // when the newest slot began; zero before the first value
}

const (
	baseSlots = 3
	baseSlot  = 5 * time.Second
	baseAge   = baseSlots * baseSlot
)

// least takes a value and returns the least one.
func (b *baseline) least(v time.Duration, now time.Time) time.Duration {
	if b.began.IsZero() || now.Sub(b.began) >= baseAge {
		b.reset(v, now)
	}
	for now.Sub(b.began) >= baseSlot {
		copy(b.slots[1:], b.slots[:])
		b.slots[0], b.began = v, b.began.Add(baseSlot)
	}
	b.slots[0] = min(b.slots[0], v)
	return min(b.slots[0], b.slots[1], b.slots[2])
}

// reset forgets all values but v.
func (b *baseline) reset(v time.Duration, now time.Time) {
	b.slots, b.began = [baseSlots]time.Duration{v, v, v}, now
}

// statuses yields for each packet of the feedback whether it arrived.
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
