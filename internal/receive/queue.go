package receive

import (
	"errors"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// firstLength and maxLength bound the frames that wait for a sink. The most are a
	// second of eighty speakers at once.
	firstLength, maxLength = 64, 4096
	// maxBytes bounds their bytes.
	maxBytes = 4 << 20
	// flushInterval is how often a writer is flushed.
	flushInterval = 250 * time.Millisecond
)

// errExited ends the run of a sink whose writer called runtime.Goexit.
var errExited = errors.New("the sink ended its goroutine")

// queue carries frames to a writer, on its own goroutine.
type queue struct {
	writer media.Writer
	ended  func(error) // called on that goroutine, once, unless close came first

	mu      sync.Mutex       // guards what follows; not held while the writer runs
	ring    []media.Received // its Data are buffers of the queue
	head    int
	count   int
	bytes   int
	skipped uint64
	closed  bool

	wake chan struct{} // has a token when a frame waits, or closed has been set
	done chan struct{} // closed when the writer is
	err  error         // of the writer's Close, unless ended got it; written before done is closed
}

func newQueue(w media.Writer, ended func(error)) *queue {
	q := &queue{
		writer: w, ended: ended, ring: make([]media.Received, firstLength),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go q.run() // ends after close, or with an error of the writer; finish waits for it
	return q
}

// push adds a copy of a frame, or counts it as skipped when too many wait.
func (q *queue) push(r media.Received) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if q.count == len(q.ring) && len(q.ring) < maxLength {
		q.grow()
	}
	if q.count == len(q.ring) || q.bytes+len(r.Data) > maxBytes {
		q.skipped++
		return
	}
	slot := &q.ring[(q.head+q.count)%len(q.ring)]
	r.Data, r.Skipped = append(slot.Data[:0], r.Data...), q.skipped
	*slot = r
	q.count++
	q.bytes += len(r.Data)
	q.notify()
}

func (q *queue) grow() {
	ring := make([]media.Received, 2*len(q.ring))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

func (q *queue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop returns the next frame, whose Data is valid until the next pop, which takes its
// buffer back as spare. It reports false when none waits.
func (q *queue) pop(spare []byte) (r media.Received, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		return media.Received{Data: spare}, false
	}
	r = q.ring[q.head]
	q.ring[q.head].Data = spare
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	q.bytes -= len(r.Data)
	return r, true
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// run writes frames until the queue is closed and empty, or the writer fails.
func (q *queue) run() {
	failed := errExited
	defer func() {
		err := q.writer.Close()
		early := !q.isClosed()
		q.close()
		if early {
			close(q.done)
			q.ended(errors.Join(failed, err))
			return
		}
		q.err = err
		close(q.done)
	}()
	failed = q.write()
}

func (q *queue) write() error {
	var tick <-chan time.Time
	flusher, ok := q.writer.(interface{ Flush(now time.Time) error })
	if ok {
		ticker := time.NewTicker(flushInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	ready := make(chan struct{})
	close(ready)
	var r media.Received
	for {
		closed := q.isClosed()
		var more bool
		if r, more = q.pop(r.Data[:0]); more {
			if err := q.writer.Write(r); err != nil {
				return err
			}
		} else if closed {
			return nil
		}
		idle := q.wake
		if more {
			idle = ready
		}
		select {
		case <-idle:
		case now := <-tick:
			if err := flusher.Flush(now); err != nil {
				return err
			}
		}
	}
}

// close ends the queue once it is empty. It does not wait.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.notify()
}

// clear ends the queue at once.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count, q.bytes, q.closed = 0, 0, true
	q.notify()
}

// finish closes the queue and waits until everything is written. A detached writer is not
// waited for, as its function may be the one that asks for it: it gets nothing more.
func (q *queue) finish() error {
	if _, ok := q.writer.(interface{ Detached() }); ok {
		q.clear()
		return nil
	}
	q.close()
	<-q.done
	return q.err
}
