// Package serial runs functions one after another, in the order they were
// posted.
package serial

import (
	"context"
	"sync"
)

// Queue runs posted functions in order, one at a time, on a goroutine that lives
// only while there is work. The zero value is ready for use.
type Queue struct {
	mu      sync.Mutex // guards what follows; not held while a function runs
	pending []func()
	running bool
	closed  bool
	idle    chan struct{} // closed when the queue runs dry; nil without a waiter
}

// Post adds f and returns how many functions wait, f included, or 0 when the
// queue is closed and f will not run. It never blocks, and may be called from a
// function of the queue.
func (q *Queue) Post(f func()) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0
	}
	q.pending = append(q.pending, f)
	if !q.running {
		q.running = true
		go q.run() // ends when the queue is dry or closed; Wait waits for it
	}
	return len(q.pending)
}

// run takes functions until none is left. A function that calls runtime.Goexit,
// as a failing test does, takes the goroutine with it: another one goes on.
func (q *Queue) run() {
	dry := false
	defer func() {
		if !dry {
			go q.run() // as in Post
		}
	}()
	for f := q.next(); f != nil; f = q.next() {
		f()
	}
	dry = true
}

func (q *Queue) next() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 || q.closed {
		q.pending, q.running = nil, false
		if q.idle != nil {
			close(q.idle)
			q.idle = nil
		}
		return nil
	}
	f := q.pending[0]
	q.pending[0] = nil
	q.pending = q.pending[1:]
	return f
}

// Wait returns nil when nothing runs and nothing waits, or the error of ctx.
func (q *Queue) Wait(ctx context.Context) error {
	select {
	case <-q.runDry():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runDry returns a channel that closes when the queue is idle.
func (q *Queue) runDry() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	if !q.running {
		close(q.idle)
		q.idle = nil
	}
	return idle
}

// Close drops what waits. No function starts after it returned; one that runs
// goes on, and may be the caller.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.pending = nil
}
