package gotgcall

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/serial"
)

// drainWait bounds how long Close waits for callbacks that are still owed. When
// Close is called from a callback, they can never come.
const drainWait = 500 * time.Millisecond

// dispatcher brings events to the user's callbacks, in order, one at a time.
// Nothing is dropped: a slow callback delays, and is warned of.
type dispatcher struct {
	logger *slog.Logger
	limit  int // events waiting before a warning
	queue  serial.Queue

	mu           sync.Mutex // guards what follows; not held while a callback runs
	onEnd        func(int64, StreamType, Device, error)
	onConnChange func(int64, NetworkInfo)
}

func newDispatcher(logger *slog.Logger, limit int) *dispatcher {
	return &dispatcher{logger: logger, limit: limit}
}

func (d *dispatcher) onStreamEnd(fn func(int64, StreamType, Device, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onEnd = fn
}

func (d *dispatcher) onConnection(fn func(int64, NetworkInfo)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onConnChange = fn
}

func (d *dispatcher) streamEnd(chatID int64, t StreamType, dev Device, err error) {
	d.post(func() {
		d.mu.Lock()
		fn := d.onEnd
		d.mu.Unlock()
		if fn != nil {
			fn(chatID, t, dev, err)
		}
	})
}

func (d *dispatcher) connection(chatID int64, info NetworkInfo) {
	d.post(func() {
		d.mu.Lock()
		fn := d.onConnChange
		d.mu.Unlock()
		if fn != nil {
			fn(chatID, info)
		}
	})
}

func (d *dispatcher) post(event func()) {
	// Once for each time the limit is passed, not for each event beyond it.
	if waiting := d.queue.Post(event); waiting == d.limit+1 {
		d.logger.Warn("events are waiting: a callback is slow or blocks", "waiting", waiting)
	}
}

// close lets the callbacks that are owed run for a moment, then starts no more.
func (d *dispatcher) close() {
	timer := time.NewTimer(drainWait)
	defer timer.Stop()
	select {
	case <-d.queue.Idle():
	case <-timer.C:
	}
	d.queue.Close()
}
