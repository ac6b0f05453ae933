package bot

import "sync"

// mailbox holds functions for one goroutine, in the order in which they came. Post never
// blocks.
type mailbox struct {
	wake chan struct{} // holds one while there is work

	mu     sync.Mutex // guards what follows
	posted []func()
	closed bool
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post adds f. It returns false when the mailbox is closed and f will not run.
func (m *mailbox) post(f func()) bool { return m.offer(f, 0) }

// offer is post, but returns false, too, when limit functions wait. 0 is no limit.
func (m *mailbox) offer(f func(), limit int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || limit > 0 && len(m.posted) >= limit {
		return false
	}
	m.posted = append(m.posted, f)
	select {
	case m.wake <- struct{}{}:
	default: // awake
	}
	return true
}

// take returns the functions that wait.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	fs := m.posted
	m.posted = nil
	return fs
}

// close drops what waits. Nothing is accepted after it.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.posted = true, nil
}

// closeIfEmpty closes the mailbox unless something waits, and reports whether it did.
func (m *mailbox) closeIfEmpty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.posted) > 0 {
		return false
	}
	m.closed = true
	return true
}
