package oracle

import (
	"time"

	"github.com/pion/rtp"
)

// wire is what is known of a stream from the datagrams that reached our socket, before
// our own network: what it sent, and when.
type wire struct {
	numbers sequence
	// octets are those of payloads without padding, SRTP tags included; padded those of
	// packets that have some.
	octets, padded uint64
}

// maxTag is the longest authentication tag (RFC 7714 §14.2), by which the size of a
// payload is not known exactly.
const maxTag = 16

// wireCount is what a stream had sent at some instant.
type wireCount struct {
	packets, octets, padded uint64
}

func (w *wire) count() wireCount {
	c := wireCount{octets: w.octets, padded: w.padded}
	if w.numbers.started {
		// By the numbers: the kernel may have lost some.
		c.packets = uint64(w.numbers.highest - w.numbers.base + 1)
	}
	return c
}

// OnSent judges the header of an RTP packet, which is in the clear (RFC 3711 §3.1),
// when it reaches our socket.
func (o *Oracle) OnSent(h *rtp.Header, size int, at time.Time) {
	s := o.streams[h.SSRC]
	if s == nil || s.stats.Kind == Undeclared {
		return
	}
	s.wire.numbers.observe(h.SequenceNumber)
	payload := uint64(max(0, size-h.MarshalSize()))
	if h.Padding {
		s.wire.padded += payload
	} else {
		s.wire.octets += payload
	}
	o.checkSendTime(h, at)
	o.sync.onPacket(s, h.Timestamp, at)
}

// Sent is when a datagram of RTCP reached our socket, and what each stream had
// sent by then. What it holds is known only once it is decrypted, which may be much
// later.
type Sent struct {
	at     time.Time
	counts map[uint32]wireCount
}

// Snapshot returns what every stream had sent when a datagram of RTCP reached the socket.
func (o *Oracle) Snapshot(at time.Time) Sent {
	c := Sent{at: at, counts: make(map[uint32]wireCount, len(o.streams))}
	for ssrc, s := range o.streams {
		if s.stats.Kind != Undeclared {
			c.counts[ssrc] = s.wire.count()
		}
	}
	return c
}
