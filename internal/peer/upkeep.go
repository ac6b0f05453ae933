package peer

import (
	"slices"
	"sync"
	"time"
)

const (
	// upkeepInterval is how often each connection is served.
	upkeepInterval = time.Second
	// upkeepSlots spread many connections over the interval, so that serving them
	// does not delay media: 2,000 are 100 a slot, which takes about 1 ms.
	upkeepSlots = 20
	// usualSlot is how many connections share a slot before another is used. One
	// that wakes the process by itself costs as much as five that do not.
	usualSlot = 32
)

// Upkeep serves connections once a second, all on one goroutine, which lives only
// while there are any. The zero value is ready for use.
type Upkeep struct {
	mu      sync.Mutex // guards what follows; not held while a connection is served
	slots   [upkeepSlots][]served
	count   int
	serving served        // being served now, or nil
	over    sync.Cond     // serving has changed
	empty   chan struct{} // closed when the last connection is removed
	done    chan struct{} // closed when the goroutine has ended
}

// served is something that is served: a connection.
type served interface{ serve(now time.Time) }

// add serves s from now on.
func (u *Upkeep) add(s served) {
	u.mu.Lock()
	defer u.mu.Unlock()
	slot := slices.IndexFunc(u.slots[:], func(some []served) bool { return len(some) < usualSlot })
	if slot < 0 {
		slot = 0
		for i := range u.slots {
			if len(u.slots[i]) < len(u.slots[slot]) {
				slot = i
			}
		}
	}
	u.slots[slot] = append(u.slots[slot], s)
	if u.count++; u.count > 1 {
		return
	}
	u.over.L = &u.mu
	u.empty, u.done = make(chan struct{}), make(chan struct{})
	go u.run(u.empty, u.done) // ends after the last remove, which waits for it
}

// remove ends that s is served, and waits if it is being served. It does nothing if s
// was not added.
func (u *Upkeep) remove(s served) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, slot := range u.slots {
		at := slices.Index(slot, s)
		if at < 0 {
			continue
		}
		u.slots[i] = slices.Delete(slot, at, at+1)
		for u.serving == s {
			u.over.Wait()
		}
		if u.count--; u.count == 0 {
			close(u.empty)
			done := u.done
			u.mu.Unlock()
			<-done
			u.mu.Lock()
		}
		return
	}
}

// run serves each slot once in an interval, until there is nothing left.
func (u *Upkeep) run(empty <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	due, slot := time.Now().Add(upkeepInterval), 0
	for {
		timer.Reset(time.Until(due))
		select {
		case <-empty:
			return
		case <-timer.C:
		}
		u.serveSlot(slot)
		next := u.nextSlot(slot)
		due = due.Add(time.Duration(next-slot) * upkeepInterval / upkeepSlots)
		if late := time.Since(due); late > 0 {
			due = due.Add(late) // the machine was suspended, or is too slow
		}
		slot = next % upkeepSlots
	}
}

// serveSlot serves each connection of a slot. One that is removed meanwhile may make it
// leave out another, until the next time.
func (u *Upkeep) serveSlot(slot int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := 0; i < len(u.slots[slot]); i++ {
		s := u.slots[slot][i]
		u.serving = s
		u.mu.Unlock()
		s.serve(time.Now())
		u.mu.Lock()
		u.serving = nil
		u.over.Broadcast()
	}
}

// nextSlot returns the next slot with connections in it, which is a whole interval
// later if there is no other. It counts on from slot, past upkeepSlots.
func (u *Upkeep) nextSlot(slot int) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	for next := slot + 1; next < slot+upkeepSlots; next++ {
		if len(u.slots[next%upkeepSlots]) > 0 {
			return next
		}
	}
	return slot + upkeepSlots
}
