package programme

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
)

// After a loss ffmpeg requests all the resources that follow, one after another, before it
// ends.
const (
	// maxRefused is the number of requests that are refused at once: some may
	// precede the reading of earlier resources.
	maxRefused = 16
	// drain is the time it then has to encode the rest.
	drain = 300 * time.Millisecond
)

// loss is the first reason why a part of a programme was lost.
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

// refuse answers a request of ffmpeg after the loss.
func (l *loss) refuse(w http.ResponseWriter, q *http.Request) {
	l.mu.Lock()
	l.refused++
	spent := l.refused > maxRefused
	l.mu.Unlock()
	if spent {
		_ = fetch.Pause(q.Context(), drain)
		l.end()
	}
	http.NotFound(w, q)
}
