package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// The waits before a live stream is opened again. They double until it has
// played for steadyAfter.
const (
	firstReopen = 250 * time.Millisecond
	lastReopen  = 4 * time.Second
	steadyAfter = 10 * time.Second
)

// minOpening is the least time for one attempt: RTMP and RTSP need seconds.
const minOpening = 5 * time.Second

// maxSilence is how long a live stream may give nothing before its connection
// counts as lost.
const maxSilence = 10 * time.Second

// reopening is the Stream of a live input. A lost input is reopened, and its frames'
// times continue.
type reopening struct {
	// immutable
	facts    // of the input when it was opened first
	open     opener
	patience time.Duration                              // how long the input may be lost
	silence  time.Duration                              // how long it may give nothing
	finite   func(end error, played time.Duration) bool // what ended so is not live; nil: it is
	ctx      context.Context                            // ends with Close
	cancel   context.CancelFunc

	restarts atomic.Uint64

	mu      sync.Mutex // guards the rest
	current media.Stream
	closed  bool
	opening sync.WaitGroup // an open under way; begun with mu held

	// owned by the reader
	offset  time.Duration // of the current stream's times
	begin   time.Duration // where the current stream began
	last    time.Duration // where the last frame ended
	wait    time.Duration // before the next try
	failure error         // what ReadFrame returned last, once it has failed
}

// opener reopens an input. It gets the time that was played since the input was last
// opened, and returns fetch.ErrRepeats if the input has nothing but that.
type opener func(ctx context.Context, played time.Duration) (media.Stream, error)

// newReopening returns a reopening that owns an open stream of a live input.
func newReopening(env media.Env, stream media.Stream, open opener) *reopening {
	r := &reopening{
		facts:    factsOf(stream),
		open:     open,
		patience: patience(env),
		silence:  min(maxSilence, patience(env)/2),
		current:  stream,
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Restarts returns how often the input was reopened.
func (r *reopening) Restarts() uint64 { return r.restarts.Load() }

func (r *reopening) ReadFrame() (media.Frame, error) {
	if r.failure != nil {
		return media.Frame{}, r.failure
	}
	deadline := time.Now().Add(r.patience)
	for {
		f, err := r.read()
		switch {
		case r.ctx.Err() != nil:
			return media.Frame{}, errStreamClosed()
		case err == nil:
			f.PTS += r.offset
			r.last = max(r.last, f.PTS+f.Duration)
			return f, nil
		case crashed(err), r.finite != nil && r.finite(err, r.last-r.begin):
		default:
			err = r.reopen(err, deadline)
		}
		if r.ctx.Err() != nil {
			return media.Frame{}, errStreamClosed()
		}
		if r.failure = err; err != nil {
			return media.Frame{}, err
		}
	}
}

func (r *reopening) Close() error {
	r.mu.Lock()
	r.closed = true
	current := r.current
	r.mu.Unlock()
	r.cancel()
	r.opening.Wait()
	return current.Close()
}

// read returns the next frame of a track the stream has. A stream that is silent
// for too long is closed, and that is the error.
func (r *reopening) read() (media.Frame, error) {
	current := r.current
	silent := time.AfterFunc(r.silence, func() { _ = current.Close() })
	for {
		f, err := current.ReadFrame()
		if err == nil && !r.tracks.Has(f.Track) {
			continue // the input had no such track before
		}
		if !silent.Stop() && err != nil {
			err = fmt.Errorf("%w: the live stream gave nothing for %s", models.ErrStalled, r.silence)
		}
		return f, err
	}
}

// crashed reports whether the encoder was killed by a signal: not the network's fault.
func crashed(err error) bool {
	var failure *models.FFmpegError
	return errors.As(err, &failure) && failure.Signal != ""
}

// reopen reopens the input, with as many attempts as fit before the deadline. If all
// fail it returns why the input was lost.
func (r *reopening) reopen(lost error, deadline time.Time) error {
	_ = r.current.Close()
	since := time.Now()
	if r.last-r.begin >= steadyAfter {
		r.wait = 0
	}
	for {
		r.wait = min(max(firstReopen, 2*r.wait), lastReopen)
		if time.Now().Add(r.wait).After(deadline) || refused(lost) {
			return gone(lost, time.Since(since))
		}
		timer := time.NewTimer(r.wait)
		select {
		case <-timer.C:
		case <-r.ctx.Done():
			timer.Stop()
			return nil
		}
		err := r.openAgain(deadline)
		switch {
		case r.ctx.Err() != nil:
			return nil
		case err == nil:
			r.restarts.Add(1)
			r.offset, r.begin = r.last, r.last
			return nil
		case errors.Is(err, fetch.ErrRepeats) && r.finite != nil:
			return lost
		case errors.Is(err, fetch.ErrRepeats):
			return io.EOF
		case !errors.Is(err, context.DeadlineExceeded):
			lost = err
		}
	}
}

// openAgain makes one attempt.
func (r *reopening) openAgain(deadline time.Time) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errStreamClosed()
	}
	r.opening.Add(1)
	r.mu.Unlock()
	defer r.opening.Done()
	ctx, cancel := context.WithDeadline(r.ctx, deadline)
	defer cancel()
	one, stop := context.WithTimeout(ctx, max(r.silence, minOpening))
	defer stop()
	stream, err := r.open(one, r.last-r.begin)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return stream.Close()
	}
	r.current = stream
	return nil
}

// refused reports whether a policy refused the address: it will do so again.
func refused(err error) bool {
	var r *fetch.RefusedError
	return errors.As(err, &r)
}

// gone returns the error of a live input that is lost for good.
func gone(reason error, after time.Duration) error {
	var failure *models.FFmpegError
	switch {
	case errors.Is(reason, models.ErrFile), errors.Is(reason, models.ErrStalled):
	case errors.As(reason, &failure):
		reason = fmt.Errorf("%w: %w", models.ErrFile, failure)
	default:
		reason = fmt.Errorf("%w: the server ended the live stream", models.ErrFile)
	}
	return fmt.Errorf("not back within %s: %w", after.Round(time.Second), reason)
}
