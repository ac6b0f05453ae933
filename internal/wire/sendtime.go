package wire

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// Stamper is the last that every packet passes before the socket: media, padding and
// retransmissions alike. Into the extensions that a [Sender] put into the header it
// writes the transport-wide sequence number, counted over all streams of the
// connection, and the time of sending.
type Stamper struct {
	// immutable after NewStamper
	ids        Extensions
	clock      Clock
	congestion *Congestion

	// order guards next, and is held until the packet is in the socket, so that
	// packets leave in the order of their numbers. A UDP socket does not wait.
	order sync.Mutex
	next  uint16 // transport-wide sequence number
}

// NewStamper returns the stamper of a connection. It records each packet in
// congestion.
func NewStamper(ids Extensions, c Clock, congestion *Congestion) *Stamper {
	return &Stamper{ids: ids, clock: c, congestion: congestion}
}

// Send stamps a packet and calls send, which puts it into the socket and must not
// block. It returns what send returns. Packets are sent one at a time.
func (s *Stamper) Send(h *rtp.Header, payload []byte, send func() (int, error)) (int, error) {
	s.order.Lock()
	defer s.order.Unlock()
	now := time.Now()
	if number := h.GetExtension(s.ids.TransportWide); len(number) == 2 {
		s.next++
		binary.BigEndian.PutUint16(number, s.next)
		s.congestion.sent(s.next, h.MarshalSize()+len(payload), now.Sub(s.clock.epoch))
	}
	if sendTime := h.GetExtension(s.ids.AbsSendTime); len(sendTime) == 3 {
		putAbsSendTime(sendTime, s.clock.ntp(now))
	}
	return send()
}

// putAbsSendTime writes 24 bits of 6.18 fixed-point seconds, the middle of an
// NTP timestamp.
func putAbsSendTime(b []byte, ntp uint64) {
	v := uint32(ntp >> 14)
	b[0], b[1], b[2] = byte(v>>16), byte(v>>8), byte(v)
}
