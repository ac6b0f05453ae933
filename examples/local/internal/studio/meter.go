package studio

import (
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/usage"
)

// meter measures the share of a core that a process uses.
type meter struct {
	mu    sync.Mutex // guards what follows
	at    time.Time
	used  time.Duration
	share float64
}

// read returns the share in the last second or more; negative where the system does not
// say, 0 at first.
func (m *meter) read() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	passed := now.Sub(m.at)
	if passed < time.Second {
		return m.share
	}
	user, system := usage.Own()
	used := user + system
	switch {
	case used == 0:
		m.share = -1
	case !m.at.IsZero():
		m.share = (used - m.used).Seconds() / passed.Seconds()
	}
	m.at, m.used = now, used
	return m.share
}
