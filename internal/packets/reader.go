package packets

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// errLate is returned for a frame that has not come in time.
var errLate = errors.New("the next frame is late")

// reader reads the frames of a stream that may block, each when it is wanted, on one
// goroutine.
type reader struct {
	stream media.Stream
	want   chan struct{}
	got    chan result
	stop   chan struct{} // closed by close
	done   chan struct{} // closed when the goroutine has ended
	once   sync.Once

	// owned by the goroutine that calls next
	asked bool // a frame has been asked for, and not come yet
	timer *time.Timer
}

type result struct {
	frame media.Frame
	err   error
}

func newReader(stream media.Stream) *reader {
	r := &reader{
		stream: stream,
		want:   make(chan struct{}), got: make(chan result), stop: make(chan struct{}), done: make(chan struct{}),
		timer: time.NewTimer(time.Hour),
	}
	r.timer.Stop()
	go r.run() // ends on close, which waits for it
	return r
}

// run reads frames as they are wanted, until close or until the stream panics.
func (r *reader) run() {
	defer close(r.done)
	orderly := false
	defer func() {
		if !orderly {
			r.give(result{err: fmt.Errorf("%w: the source panicked: %v", models.ErrInternal, recover())})
		}
	}()
	for r.wanted() {
		f, err := r.stream.ReadFrame()
		r.give(result{f, err})
	}
	orderly = true
}

// wanted waits until a frame is wanted, and reports false after close.
func (r *reader) wanted() bool {
	select {
	case <-r.want:
		return true
	case <-r.stop:
		return false
	}
}

// give hands a frame over, unless the reader is closed.
func (r *reader) give(got result) {
	select {
	case r.got <- got:
	case <-r.stop:
	}
}

// next returns the next frame, whose Data is valid until the next call, or errLate if it
// has not come at an instant. A zero instant is never.
func (r *reader) next(until time.Time) (media.Frame, error) {
	if !r.asked {
		select {
		case r.want <- struct{}{}:
			r.asked = true
		case <-r.stop:
			return media.Frame{}, errClosed()
		}
	}
	var late <-chan time.Time
	if !until.IsZero() {
		r.timer.Reset(time.Until(until))
		defer r.timer.Stop()
		late = r.timer.C
	}
	select {
	case got := <-r.got:
		r.asked = false
		return got.frame, got.err
	case <-late:
		return media.Frame{}, errLate
	case <-r.stop:
		return media.Frame{}, errClosed()
	}
}

// close ends the goroutine. The stream must be closed. It is idempotent.
func (r *reader) close() {
	r.once.Do(func() { close(r.stop) })
	<-r.done
}

func errClosed() error { return fmt.Errorf("read frame: stream: %w", models.ErrClosed) }
