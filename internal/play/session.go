package play

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// maxLate is how late a frame may be before the clock is moved. A shorter
	// delay is caught up with; a longer one would fill the viewers' jitter
	// buffers, which drop it.
	maxLate = 200 * time.Millisecond
	// lateFrame is how late a frame is before Stats counts it: a frame of audio.
	lateFrame = 20 * time.Millisecond
	// pairGap is the least time in which more than two frames are sent when they
	// are late: half of what two frames of audio last. Two at a time, because on
	// a busy machine each wake-up costs as much as a frame lasts.
	pairGap = 10 * time.Millisecond
	// soundPause is how long sound may be absent before pictures alone count.
	soundPause = time.Second
	// maxHole is the longest gap between two frames of a stream with sound, which
	// is continuous; a longer one is a jump in the media's times. Pictures alone
	// may stand for longer, as in a slide show.
	maxHole         = 10 * time.Second
	maxPicturesHole = 5 * time.Minute
	// maxInterval is the longest that a last picture of unknown length stands.
	maxInterval = time.Second
)

// session is one run of one source: a stream and a clock. The wheel writes each frame
// when it is due.
type session struct {
	// immutable after newSession
	order  uint64 // of its opening
	source media.Source
	stream media.Stream
	tracks media.Track        // those of the stream
	cancel context.CancelFunc // ends the context that the source was opened with
	base   time.Duration      // where in the media the stream begins
	asked  media.Sound        // that the source was opened with
	tuning                    // what the stream has of that
	h264   bool               // its pictures are H.264
	stall  time.Duration
	clock  *clock
	wheel  *Wheel
	prompt bool // the stream never waits: the wheel reads it
	write  func(f media.Frame, due time.Time)
	ended  func(s *session, err error)

	halted chan struct{} // closed when the last frame has been written
	done   chan struct{} // closed when nothing of the session is left

	// set before the session is added to the wheel
	ahead *ahead          // reads the stream if it is not prompt
	after <-chan struct{} // the session is done after it is closed; may be nil
	gone  func()          // called when it is done

	seat seat // guarded by the wheel's mu

	handed      atomic.Int64  // nanoseconds of the stream handed to write
	heard       atomic.Int64  // of its sound
	lasts       atomic.Int64  // how long the last frame of that lasts
	late, moves atomic.Uint64 // frames written late; moves of the clock

	// guarded by the player's mu
	first time.Time     // when the first frame is due; zero: as soon as it may be
	tried uint64        // the count of sounds at which it was last retuned
	atEnd bool          // it was, when it was to be retuned
	ready bool          // it is about to be served
	place time.Duration // in the stream, at the server's last sign of life; see place.go

	trail trail

	// Of a session that goes on with the media of the one before, in another sound:
	// retuned is immutable, joined and picture are owned by the wheel.
	retuned bool
	joined  bool         // its first sound has come
	lead    atomic.Int64 // nanoseconds of the stream that had been played before it began
	picture time.Time    // when the last picture written was due

	// owned by the wheel
	frame    media.Frame   // has been read, and is due next
	pending  bool          // there is one
	edge     time.Duration // where the frame read last ends
	sent     [2]time.Time  // when the last two frames were to be written
	sounded  time.Time     // when sound was last written
	starved  time.Time     // since when there is no frame; zero: there was
	inStream bool          // its own ReadFrame runs
}

// newSession returns a session that owns the stream, which begins at base. The wheel
// calls write for each frame, and ended when the stream has ended, but not after
// close.
func newSession(
	wheel *Wheel, source media.Source, stream media.Stream, base, stall time.Duration,
	write func(media.Frame, time.Time), ended func(*session, error),
) *session {
	s := &session{
		source: source,
		stream: stream,
		cancel: func() {},
		base:   base,
		stall:  stall,
		clock:  new(clock),
		wheel:  wheel,
		write:  write,
		ended:  ended,
		gone:   func() {},
		halted: make(chan struct{}),
		done:   make(chan struct{}),
	}
	if p, ok := stream.(interface{ Prompt() bool }); ok {
		s.prompt = p.Prompt()
	}
	return s
}

// at returns how much of the stream has been handed over.
func (s *session) at() time.Duration { return time.Duration(s.handed.Load()) }

// position returns at, counted from the start of the media.
func (s *session) position() time.Duration { return s.media(s.at()) }

// run lets the clock run from where it is held: that is due at an instant. See clock.run.
func (s *session) run(at time.Time, align func(time.Time) time.Time) {
	if s.clock.run(at, align) {
		s.wheel.wake(s)
	}
}

// begin adds the session to the wheel, unless it has been halted.
func (s *session) begin() {
	if !s.prompt {
		s.ahead = newAhead(s.stream, func() { s.wheel.wake(s) })
	}
	if !s.wheel.add(s) {
		s.finish(nil)
	}
}

// finish ends a session that is off the wheel. It is called once. A stream that has
// ended has an error.
func (s *session) finish(err error) {
	close(s.halted)
	if err != nil {
		s.ended(s, err) // before the stream is closed: the next one is due
	}
	go s.release() // ends when the stream is closed; done is waited for
}

// release leaves nothing of the session.
func (s *session) release() {
	defer s.gone()
	defer close(s.done)
	if s.ahead != nil {
		s.ahead.stop()
	}
	s.cancel()
	_ = s.stream.Close() // the error of a killed process means nothing
	if s.ahead != nil {
		<-s.ahead.done
	}
	if s.after != nil {
		<-s.after
	}
}

// discard closes a session that never begins, and waits until nothing of it is left.
func (s *session) discard() {
	s.wheel.remove(s)
	close(s.halted)
	s.release()
}

// mostAtOnce is how many frames are read in a row, while other sessions wait: those
// which a session leaves out, or shows quickly, when it goes on with another sound.
const mostAtOnce = 256

// serve writes the frames that are due, and returns when the next one is; zero when
// the session has to be woken. It returns how the stream ended.
func (s *session) serve(now time.Time) (next time.Time, err error) {
	for range mostAtOnce {
		if !s.pending {
			if next, err = s.fetch(now); err != nil || !s.pending && next != now {
				return next, err
			}
			continue
		}
		due, running := s.clock.due(s.frame.PTS)
		if !running {
			return time.Time{}, nil
		}
		at := s.notBefore(s.frame, due)
		if at.After(now) {
			return at, nil
		}
		s.pending = false
		s.play(s.frame, due, at, now)
	}
	return s.wheel.ceil(now).Add(gridStep), nil
}

// fetch reads the next frame. It returns now if there may be another one at once, or when
// to look for one.
func (s *session) fetch(now time.Time) (next time.Time, err error) {
	if s.prompt && s.live {
		// A packet that comes before the last frame ends can still be the next one.
		if due, running := s.clock.due(s.edge); !running || due.After(now) {
			if !running {
				due = time.Time{}
			}
			return due, nil
		}
	}
	f, ok, err := s.read()
	switch {
	case err != nil:
		return now, err
	case !ok:
		if s.starved.IsZero() {
			s.starved = now
		}
		if !now.Before(s.starved.Add(s.stall)) {
			return now, fmt.Errorf("%w: nothing for %s", models.ErrStalled, s.stall)
		}
		return s.starved.Add(s.stall), nil
	}
	s.starved = time.Time{}
	if !s.played(f) {
		s.skipHole(f)
		s.frame, s.pending = f, true
	}
	return now, nil
}

// read returns the next frame, or the end, or false when there is none yet.
func (s *session) read() (f media.Frame, ok bool, err error) {
	if !s.prompt {
		return s.ahead.next()
	}
	s.inStream = true
	f, err = s.stream.ReadFrame()
	s.inStream = false
	return f, err == nil, err
}

// skipHole makes a frame due at the end of the one before it when the media's times
// jump ahead between them.
func (s *session) skipHole(f media.Frame) {
	most := maxHole
	if !s.tracks.Has(media.TrackAudio) {
		most = maxPicturesHole
	}
	if hole := f.PTS - s.edge; hole > most {
		s.clock.skip(hole)
	}
	s.edge = f.PTS + f.Duration
}

// notBefore returns when a frame may be sent: when it is due, or, if it is late, some
// time after the two before it. Frames that are late leave in pairs, not in a burst.
func (s *session) notBefore(f media.Frame, due time.Time) time.Time {
	if f.PTS < time.Duration(s.lead.Load()) {
		return due // sound waits behind it
	}
	if spaced := s.sent[0].Add(min(pairGap, f.Duration/2)); spaced.After(due) {
		return spaced
	}
	return due
}

// governs reports whether a late frame moves the clock. While there is sound only
// sound does: a late picture would make a hole in it.
func (s *session) governs(f media.Frame, now time.Time) bool {
	return f.Track == media.TrackAudio || now.Sub(s.sounded) > soundPause
}

// play writes a frame that was to be written at an instant.
func (s *session) play(f media.Frame, due, at, now time.Time) {
	due = s.afterPicture(f, due)
	late := now.Sub(due)
	if late > lateFrame {
		s.late.Add(1)
	}
	if late > maxLate && s.governs(f, now) {
		step := s.wheel.floor(now)
		s.clock.move(step.Sub(due))
		s.moves.Add(1)
		due = step
	}
	s.write(f, due)
	if now.Sub(at) >= gridStep {
		at = now
	}
	s.sent[0], s.sent[1] = s.sent[1], at
	if f.Track == media.TrackAudio {
		s.sounded = now
		s.heard.Store(int64(f.PTS + f.Duration))
		s.lasts.Store(int64(f.Duration))
	}
	if end := int64(f.PTS + f.Duration); end > s.handed.Load() {
		s.handed.Store(end)
	}
	s.trail.add(now, s.at())
}

// halt ends that the session writes frames. It is idempotent.
func (s *session) halt() {
	if s.wheel.remove(s) {
		s.finish(nil)
	}
	<-s.halted
}

// close ends the session and waits until nothing of it is left, including the
// processes behind the stream. It is idempotent.
func (s *session) close() {
	s.halt()
	<-s.done
}
