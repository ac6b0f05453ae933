package programme

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// What ffmpeg does of something that was lost: it asks for all that follows, one
// after another, before it ends.
const (
	// maxRefused is how often it is refused at once: it may ask for some things
	// before it has read others.
	maxRefused = 16
	// drain is how long it then has to encode what it read.
	drain = 300 * time.Millisecond
)

// loss is the first reason for which something was lost.
type loss struct {
	// immutable
	over context.Context // ends when ffmpeg has no further use
	end  context.CancelFunc

	mu      sync.Mutex // guards the rest
	err     error
	refused int
}

// newLoss returns a loss of nothing so far.
func newLoss() *loss {
	l := &loss{}
	l.over, l.end = context.WithCancel(context.Background())
	return l
}

func (l *loss) get() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *loss) set(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// refuse answers what ffmpeg asks for after the loss.
func (l *loss) refuse(w http.ResponseWriter, q *http.Request) {
	l.mu.Lock()
	l.refused++
	spent := l.refused > maxRefused
	l.mu.Unlock()
	if spent {
		_ = pause(q.Context(), drain)
		l.end()
	}
	http.NotFound(w, q)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
