// Package safe keeps gogram's panics and goroutines from its callers.
package safe

import (
	"fmt"
	"time"

	gogram "github.com/amarnathcjd/gogram"
)

// Do turns a panic of f into an error.
func Do(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("gogram panicked: %v", p)
		}
	}()
	return f()
}

// patience is how long Stop waits for a connection's goroutines. One that is connecting
// again takes 10 s.
const patience = time.Second

// Stop ends a connection and its goroutines; another can be made.
func Stop(m *gogram.MTProto) {
	m.SetTerminated(true) // else they connect again by themselves
	defer m.SetTerminated(false)
	gone := make(chan struct{})
	go func() { // ends within 10 s
		defer close(gone)
		_ = Do(m.Disconnect)
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-gone:
	case <-late.C:
	}
}

// End closes a connection for good, at last by terminate. Its goroutines end first: they
// read without a lock what terminate writes. Requests that wait for the connection fail.
func End(m *gogram.MTProto, terminate func() error) error {
	Stop(m)
	err := Do(terminate)
	m.TcpState().SetActive(true) // wakes who waits, at once and not at a deadline
	return err
}
