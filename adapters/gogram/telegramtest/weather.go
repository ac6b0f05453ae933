package telegramtest

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Weather is what the network does to updates and answers. The zero value is calm:
// updates come once, in order, and every answer arrives.
type Weather struct {
	// Late is added to every update.
	Late time.Duration
	// Reorder is by how much updates overtake each other, at most.
	Reorder time.Duration
	// Double and Drop are probabilities from 0 to 1: that an update comes twice, or
	// never.
	Double, Drop float64
	// Slow is the probability that an answer takes SlowBy longer.
	Slow   float64
	SlowBy time.Duration
	// Lost is the probability that a request is executed and its answer lost.
	Lost float64
	// Bare is the probability that the answer to a join says nothing of the account's
	// own entry.
	Bare float64
}

// Storm is bad weather, though not the worst.
var Storm = Weather{
	Late: 100 * time.Millisecond, Reorder: 200 * time.Millisecond, Double: 0.05, Drop: 0.02,
	Slow: 0.05, SlowBy: time.Second, Lost: 0.01, Bare: 0.2,
}

// maxUndelivered is how many updates wait for a listener; older ones are lost.
const maxUndelivered = 10_000

// Feed carries updates from the World to one listener, through the weather. Updates
// that come before the first [Feed.Listen] wait for it; those after the last are lost.
type Feed[E any] struct {
	world    *World
	arrived  chan struct{} // of capacity 1: queue has changed
	listened atomic.Bool

	// guarded by world.mu
	queue  []arrival[E] // by time
	last   time.Time    // when the newest arrives
	closed bool
}

type arrival[E any] struct {
	at    time.Time
	event E
}

// NewFeed returns a Feed without updates.
func NewFeed[E any](w *World) *Feed[E] {
	return &Feed[E]{world: w, arrived: make(chan struct{}, 1)}
}

// Push sends an update, which the weather may drop.
func (f *Feed[E]) Push(e E) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	f.push(e)
}

// PushSurely sends an update that is never dropped: one that Telegram repeats until the
// client has it, as it does with messages.
func (f *Feed[E]) PushSurely(e E) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	f.deliver(e)
}

// push sends an update, unless the weather drops it. world.mu must be held.
func (f *Feed[E]) push(e E) {
	if f.world.rand.Float64() >= f.world.opts.weather.Drop {
		f.deliver(e)
	}
}

func (f *Feed[E]) deliver(e E) {
	w, weather := f.world, f.world.opts.weather
	if f.closed {
		return
	}
	f.schedule(e)
	if w.rand.Float64() < weather.Double {
		f.schedule(e)
	}
	select {
	case f.arrived <- struct{}{}:
	default:
	}
}

func (f *Feed[E]) schedule(e E) {
	w, weather := f.world, f.world.opts.weather
	at := time.Now().Add(w.between(w.opts.latency[0], w.opts.latency[1])/2 + weather.Late)
	if weather.Reorder > 0 {
		at = at.Add(w.between(0, weather.Reorder))
	} else if at.Before(f.last) {
		at = f.last
	}
	f.last = at
	i, _ := slices.BinarySearchFunc(f.queue, at, func(a arrival[E], at time.Time) int {
		if a.at.After(at) {
			return 1
		}
		return -1 // after all of the same time
	})
	f.queue = slices.Insert(f.queue, i, arrival[E]{at, e})
	if len(f.queue) > maxUndelivered {
		f.queue = slices.Delete(f.queue, 0, 1)
	}
}

// Listen calls deliver for each update, one at a time, until ctx ends, and returns ctx's
// error. It is called once.
func (f *Feed[E]) Listen(ctx context.Context, deliver func(E)) error {
	if f.listened.Swap(true) {
		f.world.Violate("updates are listened to twice")
		return context.Canceled
	}
	defer f.close()
	for {
		e, wait, ok := f.next()
		if ok {
			deliver(e)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.arrived:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// next takes the first update if it is due, or returns when there can be one.
func (f *Feed[E]) next() (e E, wait time.Duration, ok bool) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	if len(f.queue) == 0 {
		return e, time.Hour, false
	}
	if wait = time.Until(f.queue[0].at); wait > 0 {
		return e, wait, false
	}
	e = f.queue[0].event
	f.queue = slices.Delete(f.queue, 0, 1)
	return e, 0, true
}

func (f *Feed[E]) close() {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	f.closed, f.queue = true, nil
}
