package instances

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// maxLate is how late a frame may be before the clock is moved. Less is
	// caught up with; more would fill the viewers' jitter buffers, which drop it.
	maxLate = 200 * time.Millisecond
	// catchUp is how much faster than it sounds a late track is sent.
	catchUp = 4
)

// session is one run of one source: a stream, a clock and the one goroutine, the
// pump, that reads the stream and writes each frame when it is due. There is no
// queue: what the pump has not read waits in the encoder's pipe.
type session struct {
	stream media.Stream
	clock  *clock
	write  func(f media.Frame, due time.Time)
	ended  func(s *session, err error)

	stop    chan struct{} // closed by close
	closing sync.Once
	done    chan struct{} // closed when the pump has ended

	position atomic.Int64 // nanoseconds of media handed to write

	ready bool // the pump is about to read; guarded by the player's mu

	sent map[media.Track]time.Time // when a track's last frame was written; owned by the pump
}

// newSession takes the stream over. Write and ended are called by the pump; ended
// when the stream has ended by itself, never after close.
func newSession(stream media.Stream, write func(media.Frame, time.Time), ended func(*session, error)) *session {
	return &session{
		stream: stream,
		clock:  newClock(),
		write:  write,
		ended:  ended,
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
		sent:   make(map[media.Track]time.Time),
	}
}

// at is how much of the media has been handed over.
func (s *session) at() time.Duration { return time.Duration(s.position.Load()) }

// pump runs until the stream ends or close is called.
func (s *session) pump() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		f, err := s.stream.ReadFrame()
		if err != nil {
			s.finish(err)
			return
		}
		due, ok := s.await(f, timer)
		if !ok {
			return
		}
		s.play(f, due)
	}
}

// finish reports the end of the stream, unless close brought it about.
func (s *session) finish(err error) {
	if s.isClosed() {
		return
	}
	_ = s.stream.Close() // how it ended, the stream has said
	s.ended(s, err)
}

// await sleeps until a frame is to be sent, through any number of pauses. It
// returns when the frame is due, or false when the session was closed.
func (s *session) await(f media.Frame, timer *time.Timer) (time.Time, bool) {
	for !s.isClosed() {
		due, running := s.clock.due(f.PTS)
		var wake <-chan time.Time
		if running {
			wait := time.Until(s.notBefore(f, due))
			if wait <= 0 {
				return due, true
			}
			timer.Reset(wait)
			wake = timer.C
		}
		select {
		case <-wake:
		case <-s.clock.changed:
		case <-s.stop:
		}
	}
	return time.Time{}, false
}

// notBefore is when a frame may be sent: when it is due, or, when it is late, a
// fraction of its duration after the one before. A short stall is caught up with,
// but not in one burst.
func (s *session) notBefore(f media.Frame, due time.Time) time.Time {
	if spaced := s.sent[f.Track].Add(f.Duration / catchUp); spaced.After(due) {
		return spaced
	}
	return due
}

func (s *session) play(f media.Frame, due time.Time) {
	now := time.Now()
	if late := now.Sub(due); late > maxLate {
		s.clock.move(late)
		due = now
	}
	s.write(f, due)
	s.sent[f.Track] = now
	if end := int64(f.PTS + f.Duration); end > s.position.Load() {
		s.position.Store(end)
	}
}

func (s *session) isClosed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// close ends the session and waits for the pump and for the processes behind the
// stream. No frame is written after it returned. It is idempotent.
func (s *session) close() {
	s.closing.Do(func() { close(s.stop) })
	_ = s.stream.Close() // what was killed has nothing to say
	<-s.done
}
