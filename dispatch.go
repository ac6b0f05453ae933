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

// slowCallback is how long a callback may take before it is named in a warning.
const slowCallback = time.Second

// dispatcher brings events to the user's callbacks, in order, one at a time.
// Nothing is dropped: a slow callback delays what comes after it, that of other
// chats too, and is warned of by name. One line for all chats is what lets a bot
// keep its state without locks; a bot that has slow work to do starts a goroutine.
type dispatcher struct {
	logger   *slog.Logger
	limit    int // events waiting before a warning
	queue    serial.Queue
	warnings serial.Queue

	mu           sync.Mutex // guards what follows; not held while a callback runs
	onEnd        func(int64, StreamType, Device, error)
	onConnChange func(int64, NetworkInfo)
	onUpgraded   func(int64, MediaState)
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

func (d *dispatcher) onUpgrade(fn func(int64, MediaState)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onUpgraded = fn
}

// streamEnd calls delivered just before the callback.
func (d *dispatcher) streamEnd(chatID int64, t StreamType, dev Device, err error, delivered func()) {
	d.post("OnStreamEnd", chatID, func() func() {
		delivered()
		if fn := d.onEnd; fn != nil {
			return func() { fn(chatID, t, dev, err) }
		}
		return nil
	})
}

func (d *dispatcher) connection(chatID int64, info NetworkInfo) {
	d.post("OnConnectionChange", chatID, func() func() {
		if fn := d.onConnChange; fn != nil {
			return func() { fn(chatID, info) }
		}
		return nil
	})
}

func (d *dispatcher) upgrade(chatID int64, state MediaState) {
	d.post("OnUpgrade", chatID, func() func() {
		if fn := d.onUpgraded; fn != nil {
			return func() { fn(chatID, state) }
		}
		return nil
	})
}

// post queues an event. It never blocks and calls nobody, so it may be called with
// a call's lock held. Callback looks up what to call, with mu held, when its turn
// has come.
func (d *dispatcher) post(name string, chatID int64, callback func() func()) {
	waiting := d.queue.Post(func() {
		d.mu.Lock()
		call := callback()
		d.mu.Unlock()
		if call == nil {
			return
		}
		slow := time.AfterFunc(slowCallback, func() {
			d.warn("a callback is slow or blocks", "callback", name, "chat", chatID)
		})
		defer slow.Stop()
		call()
	})
	// Once for each time the limit is passed, not for each event beyond it.
	if waiting == d.limit+1 {
		d.warn("events are waiting for the callbacks", "waiting", waiting)
	}
}

// warn logs on a goroutine of the dispatcher's: the handler is the user's code, and
// may ask the Client what the caller's lock guards.
func (d *dispatcher) warn(msg string, args ...any) {
	d.warnings.Post(func() { d.logger.Warn(msg, args...) })
}

// close lets the callbacks and warnings that are owed run for a moment, then starts
// no more.
func (d *dispatcher) close() {
	timer := time.NewTimer(drainWait)
	defer timer.Stop()
	for _, q := range []*serial.Queue{&d.queue, &d.warnings} {
		select {
		case <-q.Idle():
		case <-timer.C:
			timer.Reset(0)
		}
		q.Close()
	}
}
