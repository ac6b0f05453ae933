package rtmp

import (
	"errors"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

const (
	// The time before a publication is tried again: a second, doubled up to
	// maxBackoff. Both the backoff and the deadline for it all are reset once a
	// publication has lasted for steady.
	firstBackoff = time.Second
	maxBackoff   = 8 * time.Second
	steady       = 10 * time.Second

	// A server that refuses the key is asked again once, as it may still be ending
	// the publication before.
	refusals       = 2
	refusedBackoff = 300 * time.Millisecond
)

// attempts decides when a publication is tried again.
type attempts struct {
	backoff time.Duration
	lost    time.Time // when the connection was lost, or the first attempt made
	wasUp   bool
	refused int // refusals before the first connection
}

// after returns how long to wait after an attempt, or false to give up. Up is when
// it was up, if it was.
func (a *attempts) after(up time.Time, err error, retry time.Duration) (time.Duration, bool) {
	if !up.IsZero() {
		a.wasUp = true
		if time.Since(up) >= steady {
			a.backoff, a.lost = firstBackoff, time.Now()
		}
	}
	left := retry - time.Since(a.lost)
	var fatal permanentError
	if left <= 0 || errors.As(err, &fatal) {
		return 0, false
	}
	// A server that has taken the key once knows it. It may refuse it as in use,
	// until it has noticed that the publication before is over.
	if errors.Is(err, models.ErrPublishRefused) && !a.wasUp {
		a.refused++
		return min(refusedBackoff, left), a.refused < refusals
	}
	wait := min(a.backoff, left)
	a.backoff = min(2*a.backoff, maxBackoff)
	return wait, true
}

// permanentError is not mended by another attempt.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }
