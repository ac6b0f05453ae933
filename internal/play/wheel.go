package play

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
	"time"
)

const (
	// gridStep is the distance of the instants at which frames leave: a quarter of a
	// frame of audio, so those of one session are late by a constant. A shorter one
	// wakes the process more often, and gains nothing (ARCHITECTURE.md).
	gridStep = 5 * time.Millisecond
	// wheelSlots is how many steps ahead sessions are sorted; those that wait for
	// longer than 320 ms are kept apart.
	wheelSlots = 64
)

// Batch collects the packets that are sent between Hold and Flush, for fewer system
// calls. Both are called on one goroutine, in turn.
type Batch interface {
	Hold()
	Flush()
}

// Wheel paces the sessions of any number of players: at each step of a grid it serves
// those that have a frame due, in one wake-up. It has one goroutine while there are
// sessions, which sleeps until the next instant at which one has something due.
type Wheel struct {
	batch   Batch     // immutable; may be nil
	epoch   time.Time // immutable; the instant of step 0
	running sync.WaitGroup

	taken []*session // to be served in this turn; owned by the goroutine

	mu      sync.Mutex           // guards what follows; not held while a session is served
	slots   [wheelSlots]*session // lists of the sessions that are due at a step
	used    uint64               // a bit for each slot that is not empty
	base    int64                // the step served last: slots are from there on
	far     *session             // a list of those due after the slots
	farAt   int64                // no one of them is due before
	count   int                  // of sessions
	alive   bool                 // the goroutine runs
	timer   *time.Timer          // of the goroutine
	asleep  int64                // the step until which the goroutine sleeps; awake: it does not
	serving *session             // by the goroutine now, or nil
	over    sync.Cond            // serving has changed
	wakes   uint64               // how often the goroutine woke
}

const (
	awake = math.MinInt64 // of Wheel.asleep
	never = math.MaxInt64 // a step
)

// seat is a session's place in the wheel, guarded by its mu.
type seat struct {
	state      seatState
	at         int64 // the step at which it is due; of seated and distant
	prev, next *session
	again      bool // it was woken while it was served
}

type seatState uint8

const (
	apart   seatState = iota // not added yet
	idle                     // waits until it is woken
	seated                   // in a slot
	distant                  // in far
	taken                    // about to be served
	served                   // being served
	removed                  // for good
)

// NewWheel returns a wheel without sessions, which holds nothing.
func NewWheel(batch Batch) *Wheel {
	w := &Wheel{batch: batch, epoch: time.Now(), farAt: never, asleep: awake}
	w.over.L = &w.mu
	return w
}

// Wait waits until the goroutine of a wheel without sessions has ended.
func (w *Wheel) Wait() { w.running.Wait() }

// ceil returns the first instant of the grid that is not before t.
func (w *Wheel) ceil(t time.Time) time.Time {
	d := t.Sub(w.epoch)
	rest := d % gridStep
	if rest > 0 {
		rest -= gridStep
	}
	return t.Add(-rest)
}

// floor returns the last instant of the grid that is not after t.
func (w *Wheel) floor(t time.Time) time.Time {
	if up := w.ceil(t); up.After(t) {
		return up.Add(-gridStep)
	}
	return t
}

func (w *Wheel) step(onGrid time.Time) int64 { return int64(onGrid.Sub(w.epoch) / gridStep) }

func (w *Wheel) instant(step int64) time.Time { return w.epoch.Add(time.Duration(step) * gridStep) }

// add begins to serve a session. It returns false if that has been removed already.
func (w *Wheel) add(s *session) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.seat.state != apart {
		return false
	}
	w.count++
	if !w.alive {
		w.alive = true
		w.timer = time.NewTimer(time.Hour)
		w.running.Add(1)
		go w.run() // ends after the last session; Wait waits for it
	}
	w.sit(s, w.step(w.ceil(time.Now())))
	return true
}

// wake serves a session at the next step: something that it waits for has happened.
func (w *Wheel) wake(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s.seat.state {
	case served:
		s.seat.again = true
	case idle, seated, distant:
		w.unsit(s)
		w.sit(s, w.step(w.ceil(time.Now())))
	}
}

// remove takes a session off the wheel for good, and waits while it is being served. It
// reports whether the session was on the wheel.
func (w *Wheel) remove(s *session) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := s.seat.state
	w.unsit(s)
	s.seat.state = removed
	for w.serving == s {
		w.over.Wait()
	}
	if state == apart || state == removed {
		return false
	}
	w.leave()
	return true
}

// leave counts one session less. mu must be held.
func (w *Wheel) leave() {
	if w.count--; w.count == 0 && w.asleep != awake {
		w.asleep = awake
		w.timer.Reset(0)
	}
}

// sit makes a session due at a step. mu must be held.
func (w *Wheel) sit(s *session, step int64) {
	step = max(step, w.base)
	s.seat.at = step
	list := &w.far
	if step-w.base < wheelSlots {
		s.seat.state = seated
		slot := step % wheelSlots
		list = &w.slots[slot]
		w.used |= 1 << slot
	} else {
		s.seat.state = distant
		w.farAt = min(w.farAt, step)
	}
	s.seat.prev, s.seat.next = nil, *list
	if *list != nil {
		(*list).seat.prev = s
	}
	*list = s
	if step < w.asleep {
		w.asleep = step
		w.timer.Reset(time.Until(w.instant(step)))
	}
}

// unsit takes a session out of its list, if it is in one. mu must be held.
func (w *Wheel) unsit(s *session) {
	seat := &s.seat
	if seat.state != seated && seat.state != distant {
		return
	}
	if seat.next != nil {
		seat.next.seat.prev = seat.prev
	}
	slot := seat.at % wheelSlots
	switch {
	case seat.prev != nil:
		seat.prev.seat.next = seat.next
	case seat.state == distant:
		w.far = seat.next
	default:
		if w.slots[slot] = seat.next; seat.next == nil {
			w.used &^= 1 << slot
		}
	}
	seat.prev, seat.next, seat.state = nil, nil, idle
}

// run is the wheel's goroutine. A stream that panics in it, or ends it, ends its own
// session only: another goroutine goes on.
func (w *Wheel) run() {
	orderly := false
	defer func() {
		if s := w.abnormal(orderly); s != nil {
			w.survive(s, recover())
			go w.run() // instead of this one
			return
		}
		w.running.Done()
	}()
	for w.turn() {
	}
	orderly = true
}

// abnormal returns the session whose stream ended the goroutine, or nil.
func (w *Wheel) abnormal(orderly bool) *session {
	if orderly || w.serving == nil || !w.serving.inStream {
		return nil
	}
	return w.serving
}

// survive ends the session whose stream panicked with a value, or called
// runtime.Goexit, and lets those that it has held up go on.
func (w *Wheel) survive(s *session, value any) {
	if w.batch != nil {
		w.batch.Flush()
	}
	w.mu.Lock()
	w.serving = nil
	w.over.Broadcast()
	mine := s.seat.state == served
	if mine {
		s.seat.state = removed
		w.leave()
	}
	for _, other := range w.taken {
		if other.seat.state == taken {
			other.seat.state = idle
			w.sit(other, w.base)
		}
	}
	w.mu.Unlock()
	if mine {
		s.finish(panicked(value))
	}
}

// panicked returns the error of a stream that panicked with a value, or called
// runtime.Goexit.
func panicked(value any) error {
	if value == nil {
		return ErrPanicked
	}
	return fmt.Errorf("%w: %v", ErrPanicked, value)
}

// turn sleeps until a session is due, or serves those that are. It returns false when
// there is none left.
func (w *Wheel) turn() bool {
	w.mu.Lock()
	if w.count == 0 {
		w.alive = false
		w.mu.Unlock()
		return false
	}
	step, now := w.first(), time.Now()
	if step == never || w.instant(step).After(now) {
		w.asleep = step
		if step == never {
			w.timer.Stop()
		} else {
			w.timer.Reset(w.instant(step).Sub(now))
		}
		timer := w.timer
		w.mu.Unlock()
		<-timer.C
		w.mu.Lock()
		w.asleep = awake
		w.wakes++
		w.mu.Unlock()
		return true
	}
	w.take(w.step(w.floor(now)))
	w.mu.Unlock()
	w.serve()
	return true
}

// first returns the step at which a session is due first. mu must be held.
func (w *Wheel) first() int64 {
	if w.used == 0 {
		return w.farAt
	}
	ahead := bits.TrailingZeros64(bits.RotateLeft64(w.used, -int(w.base%wheelSlots)))
	return min(w.base+int64(ahead), w.farAt)
}

// take takes the sessions that are due at a step or before. mu must be held.
func (w *Wheel) take(step int64) {
	w.taken = w.taken[:0]
	for w.used != 0 {
		ahead := int64(bits.TrailingZeros64(bits.RotateLeft64(w.used, -int(w.base%wheelSlots))))
		if w.base+ahead > step {
			break
		}
		slot := (w.base + ahead) % wheelSlots
		for s := w.slots[slot]; s != nil; {
			next := s.seat.next
			s.seat.prev, s.seat.next, s.seat.state = nil, nil, taken
			w.taken = append(w.taken, s)
			s = next
		}
		w.slots[slot] = nil
		w.used &^= 1 << slot
	}
	w.base = max(w.base, step)
	if w.farAt > step {
		return
	}
	all := w.far
	w.far, w.farAt = nil, never
	for s := all; s != nil; {
		next := s.seat.next
		w.sit(s, s.seat.at)
		s = next
	}
}

// serve serves the sessions that were taken.
func (w *Wheel) serve() {
	if len(w.taken) == 0 {
		return
	}
	if w.batch != nil {
		w.batch.Hold()
	}
	for _, s := range w.taken {
		if err := w.serveOne(s); err != nil {
			s.finish(err)
		}
	}
	if w.batch != nil {
		w.batch.Flush()
	}
}

// serveOne serves a session, unless it has been removed, and returns its end.
func (w *Wheel) serveOne(s *session) error {
	w.mu.Lock()
	if s.seat.state != taken {
		w.mu.Unlock()
		return nil
	}
	s.seat.state, w.serving = served, s
	w.mu.Unlock()
	next, err := s.serve(time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving = nil
	again := s.seat.again
	s.seat.again = false
	switch {
	case s.seat.state == removed:
		w.over.Broadcast()
		return nil
	case err != nil:
		s.seat.state = removed
		w.leave()
		return err
	}
	s.seat.state = idle
	if again {
		next = time.Now()
	}
	if !next.IsZero() {
		w.sit(s, w.step(w.ceil(next)))
	}
	return nil
}
