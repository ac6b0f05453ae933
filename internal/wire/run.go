package wire

import "time"

// run is the last feedback of a row with too long a transit.
type run struct {
	transits      [fullRun]time.Duration // oldest first
	lost, packets [fullRun]int
	n             int
}

// add appends feedback, and drops the oldest of a full run.
func (r *run) add(t tally) {
	if r.n == fullRun {
		copy(r.transits[:], r.transits[1:])
		copy(r.lost[:], r.lost[1:])
		copy(r.packets[:], r.packets[1:])
		r.n--
	}
	r.transits[r.n], r.lost[r.n], r.packets[r.n] = t.transit, t.lost, t.lost+t.arrived
	r.n++
}

// growth returns by how much the last transit exceeds the first.
func (r *run) growth() time.Duration { return r.transits[r.n-1] - r.transits[0] }

// trend returns by how much the mean transit of the second half exceeds that of the
// first. The run must be full.
func (r *run) trend() time.Duration {
	const half = fullRun / 2
	var growth time.Duration
	for i := range half {
		growth += (r.transits[half+i] - r.transits[i]) / half
	}
	return growth
}

// loss returns the share of lost packets.
func (r *run) loss() float64 {
	var lost, packets int
	for i := range r.n {
		lost += r.lost[i]
		packets += r.packets[i]
	}
	return float64(lost) / float64(packets)
}

// baseline is the least of the values of the last 10 to 15 s: clocks drift and
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
