package sfu

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Shape is what one direction of a participant's network does to datagrams. The zero value does nothing.
type Shape struct {
	// Loss is the probability that a datagram of any kind is lost, MediaLoss that an RTP packet is.
	Loss, MediaLoss float64
	// Delay holds every datagram back; Jitter adds up to so much more. The order is kept.
	Delay, Jitter time.Duration
}

func (s Shape) validate() error {
	if !(s.Loss >= 0 && s.Loss <= 1 && s.MediaLoss >= 0 && s.MediaLoss <= 1) {
		return errors.New("a probability is not between 0 and 1")
	}

	if s.Delay < 0 || s.Jitter < 0 {
		return errors.New("negative delay")
	}

	return nil
}

type datagram struct {
	data []byte
	addr *net.UDPAddr
}

type delayed struct {
	datagram
	due time.Time
}

// maxDelayed bounds what one direction holds back; what comes beyond is lost, as in a full router.
const maxDelayed = 4096

// shaper is one direction. deliver gets what survives, lost what does not; both are called with no lock held.
type shaper struct {
	deliver, lost func(datagram)

	stop chan struct{} // closed by close
	wake chan struct{} // something is due earlier than run thinks
	done chan struct{} // run has returned

	mu       sync.Mutex // guards what follows
	shape    Shape
	rng      *rand.Rand
	silent   bool
	darkTill time.Time
	queue    []delayed
	lastDue  time.Time
	closed   bool
}

func newShaper(shape Shape, seed, stream uint64, deliver, lost func(datagram)) *shaper {
	s := &shaper{
		deliver: deliver,
		lost:    lost,
		stop:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		shape:   shape,
		rng:     rand.New(rand.NewPCG(seed, stream)),
	}
	go s.run() // ends by close, which waits

	return s
}

type verdict int

const (
	passNow verdict = iota
	passLater
	drop
)

func (s *shaper) submit(d datagram) {
	switch s.judge(d) {
	case passNow:
		s.deliver(d)
	case drop:
		s.lost(d)
	case passLater:
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

func (s *shaper) judge(d datagram) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := time.Now()
	if s.closed || s.silent || now.Before(s.darkTill) || s.rng.Float64() < s.shape.Loss {
		return drop
	}

	if s.shape.MediaLoss > 0 && isRTP(d.data) && s.rng.Float64() < s.shape.MediaLoss {
		return drop
	}

	wait := s.shape.Delay
	if s.shape.Jitter > 0 {
		wait += time.Duration(s.rng.Int64N(int64(s.shape.Jitter)))
	}

	if wait == 0 && len(s.queue) == 0 {
		return passNow
	}

	if len(s.queue) == maxDelayed {
		return drop
	}

	due := now.Add(wait)
	if due.Before(s.lastDue) {
		due = s.lastDue
	}

	s.lastDue = due
	s.queue = append(s.queue, delayed{d, due})

	return passLater
}

func (s *shaper) run() {
	defer close(s.done)

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()

	for {
		timer.Reset(s.release(time.Now()))

		select {
		case <-s.stop:
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// release delivers what is due and says how long to wait for the next.
func (s *shaper) release(now time.Time) time.Duration {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.mu.Unlock()

			return time.Hour
		}

		next := s.queue[0]
		if wait := next.due.Sub(now); wait > 0 {
			s.mu.Unlock()

			return wait
		}

		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.deliver(next.datagram)
	}
}

func (s *shaper) setShape(shape Shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shape = shape
}

func (s *shaper) setSilent(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

func (s *shaper) blackOut(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.darkTill = until
}

// close drops what comes from now on and delivers at once what is still held back: a close_notify may be
// among it. It must be called once.
func (s *shaper) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()

	close(s.stop)
	<-s.done
	s.release(s.newestDue())
}

func (s *shaper) newestDue() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.lastDue
}
