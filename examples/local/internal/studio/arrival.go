package studio

import (
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// arrival measures how punctual the sound of a call is at its server.
type arrival struct {
	mu     sync.Mutex // guards what follows
	from   *sfu.Participant
	origin time.Time // when a packet of RTP time 0 would be due, by the most punctual one
	unwrap int64     // RTP time of the newest packet, without wraps
	last   uint32    // its RTP timestamp
	since  time.Time // start of the window
	worst  time.Duration
	shown  time.Duration // the worst of the window before
}

const (
	window = time.Second
	// resync is a lateness after which the sender has moved its clock.
	resync = 500 * time.Millisecond
)

// add takes a packet. It is called for each that arrives.
func (a *arrival) add(p *sfu.Participant, pkt sfu.Packet) {
	if pkt.Header.SSRC != p.SSRC() || len(pkt.Payload) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.from != p {
		a.from, a.origin, a.unwrap, a.last = p, time.Time{}, 0, pkt.Header.Timestamp
	}
	a.unwrap += int64(int32(pkt.Header.Timestamp - a.last))
	a.last = pkt.Header.Timestamp
	origin := pkt.Arrival.Add(-time.Duration(a.unwrap) * time.Second / oracle.AudioClock)
	late := origin.Sub(a.origin)
	if a.origin.IsZero() || late < 0 || late > resync {
		a.origin, late = origin, 0
	}
	a.worst = max(a.worst, late)
	if pkt.Arrival.Sub(a.since) >= window {
		a.since, a.shown, a.worst = pkt.Arrival, a.worst, 0
	}
}

// pacing returns by how much the least punctual packet of the last second was late; 0 when
// there was none.
func (a *arrival) pacing() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.since) > 2*window {
		return 0
	}
	return a.shown
}
