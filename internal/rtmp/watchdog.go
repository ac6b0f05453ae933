package rtmp

import (
	"sync"
	"time"
)

// watchdog barks when a publication takes too little: its allowance runs down as
// time does, and each tick that was taken refills it by two ticks. So a server that
// takes nothing, or less than half of the pictures for long, is given up; one that
// is slow for a moment is not.
type watchdog struct {
	timer *time.Timer

	mu      sync.Mutex // guards what follows
	most    time.Duration
	tick    time.Duration
	expires time.Time
	limited bool
	stopped bool
}

// newWatchdog returns a watchdog with a full allowance. It calls bark, and again
// every second until it is stopped. Bark must neither block nor call back.
func newWatchdog(most, tick time.Duration, bark func()) *watchdog {
	w := &watchdog{most: most, tick: tick, expires: time.Now().Add(most)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(most, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.stopped {
			w.timer.Reset(time.Second)
			bark()
		}
	})
	return w
}

// taken reports that a tick was taken.
func (w *watchdog) taken() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limited || w.stopped {
		return
	}
	refilled, full := w.expires.Add(2*w.tick), time.Now().Add(w.most)
	if refilled.After(full) {
		refilled = full
	}
	w.expires = refilled
	w.timer.Reset(time.Until(refilled))
}

// limit sets a final deadline, which taken does not extend.
func (w *watchdog) limit(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.limited = true
		w.timer.Reset(d)
	}
}

// stop silences it: bark is not called when stop has returned.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}
