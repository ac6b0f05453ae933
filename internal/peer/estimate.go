package peer

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// sentSize is how many packets can be looked up when feedback comes: some
	// seconds of video.
	sentSize = 1024
	// queueing is how much longer than at best packets may take before a queue
	// is taken for full: viewers conceal about as much.
	queueing = 120 * time.Millisecond
	// patience is how many feedback packets in a row, one each 100 ms, have to
	// tell of a queue: a machine that was busy for a moment makes one too.
	patience = 3
	// lossy is the share of lost packets above which the way is taken for full,
	// queue or not: more than any line loses at random.
	lossy = 0.25
	// baseAge is how long the best transit time is believed: clocks drift.
	baseAge = 30 * time.Second
)

// estimate watches the transport-wide feedback (draft-holmer-rmcat-transport-wide-cc)
// and says how much the way to the server carries, and whether it is full.
//
// It is simple on purpose: what is sent has a fixed rate, so all there is to decide
// is whether the picture still has room beside the sound.
type estimate struct {
	mu   sync.Mutex // guards what follows
	sent [sentSize]sentMark

	base     time.Duration // the shortest transit, on clocks of unknown offset
	baseAt   time.Time
	queue    time.Duration // how much longer it takes now
	queued   int           // for how many feedback packets in a row it was too long
	loss     float64       // share of lost packets, smoothed over some seconds
	carried  float64       // bits per second that arrived, smoothed
	lastAt   time.Duration // when the last packet so far arrived, on the server's clock
	feedback uint8         // the last packet's number
	heard    bool
}

type sentMark struct {
	number uint16
	size   int
	at     time.Duration // since the connection's epoch
	set    bool
}

// note records a packet that is being sent.
func (e *estimate) note(number uint16, size int, at time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sent[number%sentSize] = sentMark{number, size, at, true}
}

// hear takes one feedback packet.
func (e *estimate) hear(fb *rtcp.TransportLayerCC) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard && fb.FbPktCount == e.feedback {
		return // it came for another stream too
	}
	e.feedback, e.heard = fb.FbPktCount, true

	var lost, arrived, bits int
	last := e.lastAt
	transit := time.Duration(1<<63 - 1)
	at := time.Duration(fb.ReferenceTime) * 64 * time.Millisecond
	deltas := fb.RecvDeltas
	number := fb.BaseSequenceNumber
	for _, received := range statuses(fb) {
		mark := e.sent[number%sentSize]
		known := mark.set && mark.number == number
		number++
		if !received {
			if known {
				lost++
			}
			continue
		}
		if len(deltas) == 0 {
			return // malformed
		}
		at += time.Duration(deltas[0].Delta) * time.Microsecond
		deltas = deltas[1:]
		if !known {
			continue
		}
		arrived++
		last = max(last, at)
		bits += 8 * mark.size
		transit = min(transit, at-mark.at)
	}
	e.digest(lost, arrived, bits, last, transit)
}

// digest smooths what one feedback packet said.
func (e *estimate) digest(lost, arrived, bits int, last, transit time.Duration) {
	const weight, lossWeight = 0.3, 0.1 // a feedback packet comes each 100 ms
	if lost+arrived == 0 {
		return
	}
	e.loss += lossWeight * (float64(lost)/float64(lost+arrived) - e.loss)
	if arrived == 0 {
		return
	}
	now := time.Now()
	if e.baseAt.IsZero() || transit < e.base || now.Sub(e.baseAt) > baseAge && e.queued == 0 {
		e.base, e.baseAt = transit, now
	}
	if e.queue = transit - e.base; e.queue > queueing {
		e.queued++
	} else {
		e.queued = 0
	}
	if span := last - e.lastAt; span > 0 && e.lastAt > 0 {
		share := min(1, weight*span.Seconds()/0.1)
		e.carried += share * (float64(bits)/span.Seconds() - e.carried)
	}
	e.lastAt = last
}

// full reports whether the way carries less than is being sent.
func (e *estimate) full() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queued >= patience || e.loss > lossy
}

// rate is how many bits per second arrive.
func (e *estimate) rate() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return uint64(e.carried)
}

// statuses unpacks whether each packet of the feedback arrived.
func statuses(fb *rtcp.TransportLayerCC) []bool {
	out := make([]bool, 0, fb.PacketStatusCount)
	add := func(symbol uint16) {
		if len(out) < int(fb.PacketStatusCount) {
			out = append(out, symbol == rtcp.TypeTCCPacketReceivedSmallDelta || symbol == rtcp.TypeTCCPacketReceivedLargeDelta)
		}
	}
	for _, chunk := range fb.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range chunk.RunLength {
				add(chunk.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range chunk.SymbolList {
				add(symbol)
			}
		}
	}
	return out
}

const (
	// settle is how long a picture that came back is sent before it is judged:
	// feedback has to come, and an old queue to drain.
	settle = 300 * time.Millisecond
	// The picture comes back after minRest at first, after twice as long each
	// time it was too much again, at most after maxRest.
	minRest = 5 * time.Second
	maxRest = time.Minute
)

// gate holds the picture back while the way is full: sound goes first. It is owned
// by the video track.
type gate struct {
	estimate *estimate
	closed   bool
	until    time.Time     // when a closed gate may open
	opened   time.Time     // when it opened last
	rest     time.Duration // how long it stays closed next
	shed     uint64        // pictures held back
}

// admit reports whether a picture may be sent. A gate that was closed opens for a
// key frame only.
func (g *gate) admit(key bool, now time.Time) bool {
	if g.closed && key && now.After(g.until) {
		g.closed, g.opened = false, now
	}
	if !g.closed && now.Sub(g.opened) > settle && g.estimate.full() {
		if g.rest = min(2*g.rest, maxRest); g.rest == 0 || now.Sub(g.opened) > 2*maxRest {
			g.rest = minRest
		}
		g.closed, g.until = true, now.Add(g.rest)
	}
	if g.closed {
		g.shed++
	}
	return !g.closed
}
