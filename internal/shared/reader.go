package shared

import (
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// reader is the stream of one call.
type reader struct {
	run *run

	// guarded by the run's mu
	next   uint64 // the number of the frame to be read next
	closed bool

	// owned by the goroutine that reads
	begun bool          // base is set
	base  time.Duration // the run's time at which the reader's is 0
	end   time.Duration // where the last frame ends, in the reader's time
	data  []byte        // of the last frame
}

func (r *run) newReader() *reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &reader{run: r, next: r.live()}
}

// Tracks returns those of the run.
func (s *reader) Tracks() media.Track { return s.run.stream.Tracks() }

// SourceInfo returns that of the run.
func (s *reader) SourceInfo() media.SourceInfo {
	if inner, ok := s.run.stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		return inner.SourceInfo()
	}
	return media.SourceInfo{}
}

// ReadFrame returns the next frame. A reader that is so late that it is no longer kept
// goes on at the live edge, without a gap in its own time.
func (s *reader) ReadFrame() (media.Frame, error) {
	r := s.run
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if s.next < r.oldest {
			s.next, s.begun = r.live(), false
		}
		switch {
		case s.closed:
			return media.Frame{}, errClosed
		case s.next < r.next:
			return s.take(), nil
		case r.end != nil:
			return media.Frame{}, r.end
		}
		r.moved.Wait()
	}
}

// take returns the next frame in the reader's time. The run's mu must be held.
func (s *reader) take() media.Frame {
	r := s.run
	f := *r.at(s.next)
	s.next++
	s.data = append(s.data[:0], f.Data...)
	f.Data = s.data
	if !s.begun {
		s.begun, s.base = true, f.PTS-s.end
	}
	f.PTS = max(0, f.PTS-s.base)
	s.end = max(s.end, f.PTS+f.Duration)
	if r.edge < s.next {
		r.edge = s.next
		r.wish.Signal()
	}
	return f
}

// Close leaves the run, which ends with its last reader. It interrupts ReadFrame, and is
// idempotent.
func (s *reader) Close() error {
	r := s.run
	r.mu.Lock()
	closed := s.closed
	s.closed = true
	r.moved.Broadcast()
	r.mu.Unlock()
	if !closed {
		r.source.leave(r)
	}
	return nil
}
