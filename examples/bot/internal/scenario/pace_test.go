package scenario

import (
	"time"

	"github.com/stretchr/testify/require"
)

// within asserts that work takes less than a limit, beyond what the machine is late: five
// times the delay of a timer meanwhile, as a command passes several goroutines and
// processes until it is heard.
func (s *stage) within(limit time.Duration, work func()) {
	s.t.Helper()
	var late time.Duration
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ends on stop, which is closed below, where done is waited for
		defer close(done)
		const tick = 10 * time.Millisecond
		for {
			began := time.Now()
			select {
			case <-stop:
				return
			case <-time.After(tick):
				late += time.Since(began) - tick
			}
		}
	}()
	began := time.Now()
	work()
	took := time.Since(began)
	close(stop)
	<-done
	require.Less(s.t, took, limit+5*late, "the machine is late by %v", late)
}
