package telegramtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Request is one that was sent.
type Request struct {
	By     int64  // the user
	Method string // of groupcall.Account, or as [World.Do] was called
	Chat   int64  // 0 where there is none
	Args   any    // such as [JoinArgs]
	// PerChat is true when limits and floods count for the chat, not for the user.
	PerChat bool
	// Repeated is true for a request that the client itself repeats when its answer is
	// lost: the weather only delays it.
	Repeated bool

	At       time.Time     // when it was sent
	Took     time.Duration // until the answer; 0 before
	Err      error         // the answer
	Executed int           // how often
}

// Fault is what happens to requests. The zero value, but for the number of them, makes
// them succeed.
type Fault struct {
	By    int64 // by that user only; 0 for any
	Chat  int64 // in that chat only; 0 for any
	Skip  int   // that many requests first go well
	Times int   // to that many requests; 0 is 1, -1 all

	Err   error         // the answer, without the request being executed
	Delay time.Duration // until it is executed
	Hang  bool          // it is neither executed nor answered
	Lost  bool          // it is executed and not answered
	Twice bool          // it is executed twice, as after a lost connection; the second answer counts

	method string
	used   bool
}

type floodKey struct {
	by     int64
	method string
	chat   int64
}

func (r *Request) floodKey() floodKey {
	k := floodKey{by: r.By, method: r.Method}
	if r.PerChat {
		k.chat = r.Chat
	}
	return k
}

// Fail makes the next requests of a method fail. Faults of one method come one after
// another, in the order of Fail. One that is never reached is a violation.
func (w *World) Fail(method string, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.method = method
	if f.Times == 0 {
		f.Times = 1
	}
	w.faults = append(w.faults, &f)
}

// Requests returns those of the methods that were sent so far, in order; without
// methods all.
func (w *World) Requests(methods ...string) []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Request
	for _, r := range w.requests {
		if len(methods) == 0 || slices.Contains(methods, r.Method) {
			all = append(all, *r)
		}
	}
	return all
}

// Do sends a request: it calls execute, without a lock held, in the way of the network,
// the faults and the weather, and returns its error. As on Telegram, a request is
// executed although ctx has ended meanwhile. A program that adds methods to the World
// sends them by Do.
func (w *World) Do(ctx context.Context, r Request, execute func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer, err := w.send(&r, execute)
	if err != nil {
		return err
	}
	timer := time.NewTimer(w.opts.timeout)
	defer timer.Stop()
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = fmt.Errorf("%s: %w", r.Method, ctx.Err())
	case <-timer.C:
		err = fmt.Errorf("%s: no answer: %w", r.Method, context.DeadlineExceeded)
	case <-w.ctx.Done():
		err = fmt.Errorf("%s: %w", r.Method, ErrClosed)
	}
	return err
}

// ErrClosed is returned for requests to a closed [World].
var ErrClosed = errors.New("the world is closed")

// send puts the request on its way and returns where the answer will come.
func (w *World) send(r *Request, execute func() error) (<-chan error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, fmt.Errorf("%s: %w", r.Method, ErrClosed)
	}
	r.At = time.Now()
	w.requests = append(w.requests, r)
	w.change()
	latency := w.between(w.opts.latency[0], w.opts.latency[1])
	there, back := latency/2, latency/2
	f := w.fault(r)
	there += f.Delay
	if w.rand.Float64() < w.opts.weather.Slow {
		back += w.opts.weather.SlowBy
	}
	switch lost := w.rand.Float64() < w.opts.weather.Lost; {
	case lost && r.Repeated:
		back += w.opts.weather.SlowBy
	case lost:
		f.Lost = true
	}
	if left := time.Until(w.floods[r.floodKey()]); left > 0 {
		w.violate("%s by %d in %d was sent %v before the end of its flood wait", r.Method, r.By, r.Chat, left)
		f.Err = &groupcall.Flood{Wait: left.Truncate(time.Second) + time.Second}
	}
	answer := make(chan error, 1)
	w.goWhileOpen(func() {
		if !sleep(w.ctx, there) || f.Hang {
			return
		}
		err := f.Err
		for range f.executions() {
			err = execute()
			w.executed(r)
		}
		if !sleep(w.ctx, back) || f.Lost {
			return
		}
		w.answered(r, err)
		answer <- err
	})
	return answer, nil
}

// executions returns how often a request is executed.
func (f Fault) executions() int {
	switch {
	case f.Err != nil:
		return 0
	case f.Twice:
		return 2
	}
	return 1
}

func (w *World) executed(r *Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Executed++
	w.change()
}

// answered records the answer to a request.
func (w *World) answered(r *Request, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Took, r.Err = time.Since(r.At), err
	var flood *groupcall.Flood
	if errors.As(err, &flood) {
		w.floods[r.floodKey()] = time.Now().Add(flood.Wait)
	}
	w.change()
}

// fault returns what happens to a request; w.mu must be held.
func (w *World) fault(r *Request) Fault {
	for i, f := range w.faults {
		if f.method != r.Method || f.By != 0 && f.By != r.By || f.Chat != 0 && f.Chat != r.Chat {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return Fault{}
		}
		f.used = true
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				w.faults = slices.Delete(w.faults, i, i+1)
			}
		}
		return *f
	}
	return Fault{}
}

// unusedFaults records the faults that no request met. w.mu must be held.
func (w *World) unusedFaults() {
	for _, f := range w.faults {
		if f.Times > 0 || !f.used {
			w.violate("the fault of %s was not met: %+v", f.method, *f)
		}
	}
}

// Spend uses one of n that are allowed per time under a key. It fails with a
// *groupcall.Flood when all are used, which is a violation unless the World was made
// [WithFloods]. A method of [World.Do] calls it.
func (w *World) Spend(key string, n int, per time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	used := slices.DeleteFunc(w.windows[key], func(at time.Time) bool { return now.Sub(at) >= per })
	if len(used) >= n {
		w.windows[key] = used
		wait := per - now.Sub(used[0])
		if !w.opts.floodsFine {
			w.violate("%s: more than %d in %v", key, n, per)
		}
		return &groupcall.Flood{Wait: wait.Truncate(time.Second) + time.Second}
	}
	w.windows[key] = append(used, now)
	return nil
}
