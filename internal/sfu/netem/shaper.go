package netem

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// Shape is what one direction of a participant's network does to datagrams. The zero
// value does nothing.
type Shape struct {
	// Loss is the probability that a datagram of any kind is lost, MediaLoss that an
	// RTP packet is.
	Loss, MediaLoss float64
	// Duplicate is the probability that a datagram arrives twice.
	Duplicate float64
	// Reorder is the probability that a datagram is overtaken: it takes ReorderBy
	// longer than the others.
	Reorder float64
	// ReorderBy is zero for 20 ms, the time between two packets of audio.
	ReorderBy time.Duration
	// Delay holds every datagram back; a random part of Jitter is added. The order is
	// kept.
	Delay, Jitter time.Duration
	// Rate is what the line carries, in bits per second with UDP and IP headers. Zero
	// is no limit.
	Rate uint64
	// Burst is how many bytes pass at once after a pause. Zero is one Ethernet frame.
	Burst int
	// Queue is how many bytes wait for the line, and QueueTime how long at most; what
	// comes when there is no room is lost. Zero is 64 KiB and no limit of time.
	Queue     int
	QueueTime time.Duration
}

const (
	defaultReorderBy = 20 * time.Millisecond
	defaultBurst     = 1514
	defaultQueue     = 64 << 10
	// datagramOverhead is an IPv4 header and a UDP header.
	datagramOverhead = 28
)

func (s Shape) withDefaults() Shape {
	if s.ReorderBy == 0 {
		s.ReorderBy = defaultReorderBy
	}
	if s.Burst == 0 {
		s.Burst = defaultBurst
	}
	if s.Queue == 0 {
		s.Queue = defaultQueue
	}
	return s
}

// Validate returns an error that names what is out of range.
func (s Shape) Validate() error {
	for _, probability := range []float64{s.Loss, s.MediaLoss, s.Duplicate, s.Reorder} {
		if !(probability >= 0 && probability <= 1) {
			return errors.New("a probability is not between 0 and 1")
		}
	}
	if s.Delay < 0 || s.Jitter < 0 || s.ReorderBy < 0 || s.QueueTime < 0 {
		return errors.New("negative delay")
	}
	if s.Burst < 0 || s.Queue < 0 {
		return errors.New("negative size")
	}
	return nil
}

type datagram struct {
	data []byte
	addr *net.UDPAddr
	// at is when it came to the socket, and once it is through the network when it was
	// due to come out of it: a busy machine may be later.
	at time.Time
}

type delayed struct {
	datagram
	due  time.Time
	late bool
}

// maxDelayed bounds what one direction holds back; what comes beyond is lost, as in a
// full router.
const maxDelayed = 4096

// fate is where a shaper's datagrams go. Its functions are called with no lock held.
type fate struct {
	deliver, lost func(datagram)
	// late gets a datagram that will be overtaken, doubled one that will arrive
	// twice; before either.
	late, doubled func(datagram)
}

// shaper is one direction.
type shaper struct {
	fate fate

	stop chan struct{} // closed by close
	wake chan struct{} // something is due earlier than run thinks
	done chan struct{} // run has returned

	mu        sync.Mutex // guards what follows
	shape     Shape
	rng       *rand.Rand
	silent    bool
	darkUntil time.Time
	busyUntil time.Time // the line is, at Shape.Rate; in the past after a pause
	queue     []delayed // by due
	lastDue   time.Time // of what keeps the order
	ordered   int       // of those that keep it, how many are not delivered yet
	closed    bool
}

func newShaper(shape Shape, seed, stream uint64, f fate) *shaper {
	s := &shaper{
		fate:  f,
		stop:  make(chan struct{}),
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		shape: shape.withDefaults(),
		rng:   rand.New(rand.NewPCG(seed, stream)),
	}
	go s.run() // ends by close, which waits
	return s
}

// verdict is what is to become of a datagram.
type verdict struct {
	drop   bool
	hold   bool // until due
	due    time.Time
	late   bool // does not keep the order
	copies int
}

func (s *shaper) submit(d datagram) {
	v := s.judge(d, time.Now())
	if v.drop {
		s.fate.lost(d)
		return
	}
	if v.late {
		s.fate.late(d)
	}
	if v.copies > 1 {
		s.fate.doubled(d)
	}
	if v.hold {
		d.at = v.due
		s.insert(d, v)
		return
	}
	for range v.copies {
		s.fate.deliver(d)
	}
}

func (s *shaper) judge(d datagram, now time.Time) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.silent || now.Before(s.darkUntil) || s.draws(s.shape.Loss) {
		return verdict{drop: true}
	}
	if IsRTP(d.data) && s.draws(s.shape.MediaLoss) {
		return verdict{drop: true}
	}
	v := verdict{late: s.draws(s.shape.Reorder), copies: 1}
	if s.draws(s.shape.Duplicate) {
		v.copies = 2
	}
	wait, room := s.transmit(len(d.data)+datagramOverhead, now)
	if !room || len(s.queue)+v.copies > maxDelayed {
		return verdict{drop: true}
	}
	wait += s.shape.Delay
	if s.shape.Jitter > 0 {
		wait += time.Duration(s.rng.Int64N(int64(s.shape.Jitter)))
	}
	v.due = later(now.Add(wait), s.lastDue)
	switch {
	case v.late:
		v.hold = true
		v.due = v.due.Add(s.shape.ReorderBy)
	case wait > 0 || s.ordered > 0:
		v.hold = true
		s.lastDue = v.due
		s.ordered += v.copies
	}
	return v
}

// draws takes no number for what cannot happen, so that one knob does not change
// another's luck.
func (s *shaper) draws(probability float64) bool {
	return probability > 0 && s.rng.Float64() < probability
}

// transmit says how long a datagram waits for the line, or that there is no room for
// it. The line is a bucket of Burst bytes that fills at Rate.
func (s *shaper) transmit(size int, now time.Time) (wait time.Duration, room bool) {
	if s.shape.Rate == 0 {
		return 0, true
	}
	if backlog := s.busyUntil.Sub(now); backlog > 0 {
		full := s.shape.QueueTime > 0 && backlog > s.shape.QueueTime
		if full || s.bytesIn(backlog)+size > s.shape.Queue {
			return 0, false
		}
	}
	s.busyUntil = later(s.busyUntil, now.Add(-s.timeFor(s.shape.Burst))).Add(s.timeFor(size))
	return max(s.busyUntil.Sub(now), 0), true
}

func (s *shaper) timeFor(bytes int) time.Duration {
	return time.Duration(float64(bytes) * 8 / float64(s.shape.Rate) * float64(time.Second))
}

func (s *shaper) bytesIn(d time.Duration) int {
	return int(d.Seconds() * float64(s.shape.Rate) / 8)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// insert puts a datagram behind everything that is due no later.
func (s *shaper) insert(d datagram, v verdict) {
	s.mu.Lock()
	at := len(s.queue)
	for at > 0 && s.queue[at-1].due.After(v.due) {
		at--
	}
	for range v.copies {
		s.queue = slices.Insert(s.queue, at, delayed{d, v.due, v.late})
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
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
		s.fate.deliver(next.datagram)
		s.delivered(next)
	}
}

// delivered counts down the datagrams that the next one must wait for.
func (s *shaper) delivered(d delayed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !d.late {
		s.ordered--
	}
}

func (s *shaper) setShape(shape Shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shape = shape.withDefaults()
	s.busyUntil = time.Time{}
}

func (s *shaper) setSilent(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

func (s *shaper) blackOut(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.darkUntil = until
}

// close drops what comes from now on and delivers at once what is still held back: a
// close_notify may be among it. It must be called once.
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
	if len(s.queue) == 0 {
		return time.Time{}
	}
	return s.queue[len(s.queue)-1].due
}
