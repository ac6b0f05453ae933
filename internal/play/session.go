package play

import (
	"context"
	"fmt"
	"sync"
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

// session is one run of one source: a stream, a clock and the one goroutine, the
// pump, that reads the stream and writes each frame when it is due. There is no
// queue: frames that the pump has not read wait in the encoder's pipe.
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
	write  func(f media.Frame, due time.Time)
	ended  func(s *session, err error)

	stop    chan struct{} // closed by halt and close
	closing sync.Once
	halted  chan struct{} // closed when the last frame has been written
	done    chan struct{} // closed when nothing of the session is left

	handed      atomic.Int64  // nanoseconds of the stream handed to write
	heard       atomic.Int64  // of its sound
	frame       atomic.Int64  // how long the last frame of that lasts
	late, moves atomic.Uint64 // frames written late; moves of the clock
	reading     atomic.Bool   // the pump may be blocked in ReadFrame
	stalled     atomic.Bool   // the stream was closed because no frame came

	// guarded by the player's mu
	begin time.Time     // when the first frame is due; zero: as soon as it may be
	tried uint64        // the count of sounds at which it was last retuned
	atEnd bool          // it was, when it was to be retuned
	ready bool          // the pump is about to read
	place time.Duration // in the stream, at the server's last sign of life; see place.go

	trail trail

	// Of a session that goes on with the media of the one before, in another sound:
	// retuned is immutable, joined and picture are owned by the pump.
	retuned bool
	joined  bool         // its first sound has come
	lead    atomic.Int64 // nanoseconds of the stream that had been played before it began
	picture time.Time    // when the last picture written was due

	edge time.Duration // where the frame read last ends; owned by the pump
	sent [2]time.Time  // when the last two frames were written; owned by the pump

	sounded time.Time // when sound was last written; owned by the pump
}

// newSession returns a session that owns the stream, which begins at base. The pump
// calls write for each frame, and ended when the stream has ended, but not after
// close.
func newSession(
	source media.Source, stream media.Stream, base, stall time.Duration,
	write func(media.Frame, time.Time), ended func(*session, error),
) *session {
	return &session{
		source: source,
		stream: stream,
		cancel: func() {},
		base:   base,
		stall:  stall,
		clock:  newClock(),
		write:  write,
		ended:  ended,
		stop:   make(chan struct{}),
		halted: make(chan struct{}),
		done:   make(chan struct{}),
	}
}

// at returns how much of the stream has been handed over.
func (s *session) at() time.Duration { return time.Duration(s.handed.Load()) }

// position returns at, counted from the start of the media.
func (s *session) position() time.Duration { return s.media(s.at()) }

// run is the pump's goroutine. It writes its first frame after the session before, if
// any, has written its last, and is done after that one is. It calls started in
// between.
func (s *session) run(before *session, started func()) {
	defer close(s.done)
	if before != nil {
		before.halt()
		defer func() { <-before.done }()
	}
	started()
	err := s.pump()
	close(s.halted)
	if err != nil {
		s.ended(s, err) // before the stream is closed: the next one is due
	}
	s.closeStream()
}

// discard closes a session that is never run.
func (s *session) discard() {
	defer close(s.done)
	s.closing.Do(func() { close(s.stop) })
	close(s.halted)
	s.closeStream()
}

// pump writes frames until the stream ends, and returns how, or until the session
// is closed, and returns nil.
func (s *session) pump() error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	watch := time.AfterFunc(s.stall, s.giveUp)
	defer watch.Stop()
	for {
		watch.Reset(s.stall)
		f, err := s.read()
		watch.Stop()
		switch {
		case s.isClosed():
			return nil
		case s.stalled.Load():
			return fmt.Errorf("%w: nothing for %s", models.ErrStalled, s.stall)
		case err != nil:
			return err
		case s.played(f):
			continue
		}
		s.skipHole(f)
		due, ok := s.await(f, timer)
		if !ok {
			return nil
		}
		s.play(f, due)
	}
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

// read is ReadFrame, but does not begin once stop is closed.
func (s *session) read() (media.Frame, error) {
	s.reading.Store(true)
	defer s.reading.Store(false)
	if s.isClosed() {
		return media.Frame{}, nil
	}
	return s.stream.ReadFrame()
}

// giveUp ends a stream that has stalled. It interrupts the pump's read.
func (s *session) giveUp() {
	s.stalled.Store(true)
	s.closeStream()
}

// closeStream interrupts a read, by the stream's Close and by the end of the context
// it was opened with.
func (s *session) closeStream() {
	s.cancel()
	_ = s.stream.Close() // the error of a killed process means nothing
}

// await sleeps until a frame is to be sent, through any number of pauses. It
// returns the time at which the frame is due, or false when the session is closed.
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

func (s *session) play(f media.Frame, due time.Time) {
	now := time.Now()
	due = s.afterPicture(f, due)
	late := now.Sub(due)
	if late > lateFrame {
		s.late.Add(1)
	}
	if late > maxLate && s.governs(f, now) {
		s.clock.move(late)
		s.moves.Add(1)
		due = now
	}
	s.write(f, due)
	s.sent[0], s.sent[1] = s.sent[1], now
	if f.Track == media.TrackAudio {
		s.sounded = now
		s.heard.Store(int64(f.PTS + f.Duration))
		s.frame.Store(int64(f.Duration))
	}
	if end := int64(f.PTS + f.Duration); end > s.handed.Load() {
		s.handed.Store(end)
	}
	s.trail.add(now, s.at())
}

func (s *session) isClosed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// halt stops the pump, and waits until it has written its last frame. It is
// idempotent.
func (s *session) halt() {
	s.closing.Do(func() { close(s.stop) })
	if s.reading.Load() {
		s.closeStream()
	}
	<-s.halted
}

// close ends the session and waits until nothing of it is left, including the
// processes behind the stream. It is idempotent.
func (s *session) close() {
	s.closing.Do(func() { close(s.stop) })
	s.closeStream()
	<-s.done
}
