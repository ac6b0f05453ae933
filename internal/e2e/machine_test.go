package e2e_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// machine watches how late this machine wakes who waits for a time: what the client
// puts off on a machine that keeps time is its own fault.
type machine struct{ worst atomic.Int64 }

// watchMachine watches until the test ends.
func watchMachine(t *testing.T) *machine {
	t.Helper()
	const pace = 10 * time.Millisecond
	m := &machine{}
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		for {
			timer := time.NewTimer(pace)
			begin := time.Now()
			select {
			case <-stop:
				timer.Stop()
				return
			case <-timer.C:
				late := time.Since(begin) - pace
				m.worst.Store(max(m.worst.Load(), int64(late)))
			}
		}
	}()
	return m
}

// late is the longest delay so remote.
func (m *machine) late() time.Duration { return time.Duration(m.worst.Load()) }
