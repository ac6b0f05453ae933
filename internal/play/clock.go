package play

import (
	"sync"
	"time"
)

// clock maps positions in a stream to the times at which they are due. It is one for
// both tracks of a session, and absolute: a late frame does not delay those after it.
//
// It is held until run is called, and again after hold.
type clock struct {
	mu      sync.Mutex    // guards what follows
	running bool          //
	epoch   time.Time     // when position 0 is due; only while running
	held    time.Duration // the position at which it is held; only while not running
}

// run starts the clock: the position at which it is held is due at an instant. If align
// is not nil, position 0 is due at the instant that it returns instead. It reports whether
// the clock was held.
func (c *clock) run(at time.Time, align func(time.Time) time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return false
	}
	c.running, c.epoch = true, at.Add(-c.held)
	if align != nil {
		c.epoch = align(c.epoch)
	}
	return true
}

// hold stops the clock where it is.
func (c *clock) hold(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running {
		return
	}
	c.running, c.held = false, max(0, now.Sub(c.epoch))
}

// move delays all later positions.
func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch = c.epoch.Add(d)
}

// skip makes all later positions due earlier.
func (c *clock) skip(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		c.epoch = c.epoch.Add(-d)
	} else {
		c.held += d
	}
}

// due returns when a position is due, or false while the clock is held.
func (c *clock) due(position time.Duration) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch.Add(position), c.running
}
