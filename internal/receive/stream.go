package receive

import (
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// held is how many packets of a stream wait for one that is missing.
	held = 16
	// maxHeld is how long they do. A packet that is so late is lost.
	maxHeld = 100 * time.Millisecond
	// restart is how far a sequence number may jump before it is another sequence.
	restart = 1000
)

// stream is what arrives of one SSRC. It is guarded by the Receiver's mu.
type stream struct {
	ssrc   uint32
	person person
	known  bool
	last   time.Time // when its last packet arrived
	asked  int       // how often it was reported as unknown
	askAt  time.Time // when it is next

	begun bool
	next  uint16 // the sequence number that is due
	lost  int    // packets missing since the last that was delivered
	wait  *[held]waiting
	count int // of them in wait

	loud  int // of this interval, as packet.level
	voice bool
	heard bool // anything in this interval

	stats reception
}

// waiting is a packet that waits for those before it.
type waiting struct {
	packet
	arrival time.Time
	data    []byte // of which the payload is a copy
	used    bool
}

// order takes a packet and calls deliver for each whose turn has come.
func (s *stream) order(p packet, arrival time.Time, deliver func(*stream, packet, time.Time)) {
	if !s.begun {
		s.begun, s.next = true, p.sequence
	}
	ahead := int(int16(p.sequence - s.next))
	switch {
	case ahead > restart || ahead < -restart:
		s.skipTo(s.next+held, deliver)
		s.next, s.lost = p.sequence, 0
	case ahead < 0:
		return // late, or the second of its kind
	case ahead >= held:
		s.skipTo(p.sequence-held+1, deliver)
	}
	if p.sequence == s.next {
		s.next++
		deliver(s, p, arrival)
		s.release(deliver)
		return
	}
	s.hold(p, arrival)
	s.expire(arrival, deliver)
}

// hold keeps a copy of a packet.
func (s *stream) hold(p packet, arrival time.Time) {
	if s.wait == nil {
		s.wait = new([held]waiting)
	}
	w := &s.wait[p.sequence%held]
	if w.used {
		return
	}
	w.packet, w.arrival, w.used = p, arrival, true
	w.data = append(w.data[:0], p.payload...)
	w.payload = w.data
	s.count++
}

// release delivers the packets that are due.
func (s *stream) release(deliver func(*stream, packet, time.Time)) {
	for s.count > 0 {
		w := &s.wait[s.next%held]
		if !w.used {
			return
		}
		w.used = false
		s.count--
		s.next++
		deliver(s, w.packet, w.arrival)
	}
}

// skipTo gives up what is missing before a sequence number, which is at most held away
// from what is due.
func (s *stream) skipTo(sequence uint16, deliver func(*stream, packet, time.Time)) {
	for int16(sequence-s.next) > 0 {
		if s.count == 0 {
			s.lost += int(sequence - s.next)
			s.next = sequence
			return
		}
		if w := &s.wait[s.next%held]; w.used {
			s.release(deliver)
			continue
		}
		s.lost++
		s.next++
	}
	s.release(deliver)
}

// expire gives up a packet for which others have waited for too long.
func (s *stream) expire(now time.Time, deliver func(*stream, packet, time.Time)) {
	for s.count > 0 && s.tooLong(now) {
		for s.count > 0 && !s.wait[s.next%held].used {
			s.lost++
			s.next++
		}
		s.release(deliver)
	}
}

func (s *stream) tooLong(now time.Time) bool {
	for i := range s.wait {
		if w := &s.wait[i]; w.used && now.Sub(w.arrival) > maxHeld {
			return true
		}
	}
	return false
}

// listen follows how loud the stream is.
func (s *stream) listen(p packet) {
	level := p.level
	if level < 0 { // the sender does not say: what is no DTX is heard
		level = 30
		if len(p.payload) <= 2 {
			level = 127
		}
	}
	if !s.heard || level < s.loud {
		s.loud = level
	}
	s.heard, s.voice = true, s.voice || p.voice
}

// received returns a packet as a frame.
func (s *stream) received(p packet, arrival time.Time, length time.Duration) media.Received {
	return media.Received{
		SSRC: s.ssrc, UserID: s.person.user, Presentation: s.person.presentation,
		Data: p.payload, RTPTime: p.time, Arrival: arrival, Duration: length,
		Level: p.level, Voice: p.voice, Lost: s.lost,
	}
}
