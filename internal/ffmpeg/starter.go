package ffmpeg

import (
	"context"
	"runtime"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// startTime is twice what a processor needs to load ffmpeg, with 200 libraries as Debian
// builds it, and to encode a first packet. A start that takes longer waits for its input.
const startTime = 100 * time.Millisecond

// Starter opens encoders, as many at a time as there are processors. Of fifty that start
// side by side, each would take as long as all of them together; in turn they take half
// of that on average. The nil Starter opens them side by side.
type Starter struct {
	turns chan struct{} // has one for each start that is younger than startTime
}

// NewStarter returns a Starter for any number of encoders.
func NewStarter() *Starter {
	return &Starter{turns: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
}

// Open is like the function [Open], but waits for its turn.
func (s *Starter) Open(ctx context.Context, env media.Env, job Job) (*Encoder, error) {
	if s != nil {
		defer s.turn(ctx)()
	}
	return Open(ctx, env, job)
}

// turn waits for a turn, or until ctx is done. The caller must call done, once.
func (s *Starter) turn(ctx context.Context) (done func()) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	late := time.AfterFunc(startTime, func() { <-s.turns })
	return func() {
		if late.Stop() {
			<-s.turns
		}
	}
}
