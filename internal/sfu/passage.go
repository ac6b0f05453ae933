package sfu

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/rtp"
)

// The functions below follow a client's datagrams from our socket through the
// weather to the read loop.

const (
	// maxControl bounds the RTCP that is on its way: what the network loses is never
	// asked for.
	maxControl = 256
	// maxArrived bounds the RTP that has come through the network and was not read yet.
	maxArrived = 4096
)

// packetKey identifies a packet while it may be under way.
type packetKey struct {
	ssrc   uint32
	number uint16
}

// noteSent records a datagram that reaches our socket, before the network.
func (p *Participant) noteSent(b []byte, at time.Time) {
	if netem.IsRTP(b) {
		p.note(b, func(h *rtp.Header) { p.oracle.OnSent(h, len(b), at) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oracle.CheckDatagram(len(b))
	if netem.IsRTCP(b) {
		if len(p.control) == maxControl {
			clear(p.control)
		}
		p.control[string(b)] = p.oracle.Snapshot(at)
	}
}

// takeSent finds when a datagram of RTCP reached our socket; nothing is known of one
// that was forgotten or comes for the second time. The caller holds p.mu.
func (p *Participant) takeSent(datagram []byte) oracle.Sent {
	key := string(datagram)
	sent := p.control[key]
	delete(p.control, key)
	return sent
}

// noteArrived records an RTP packet that came through the network, and the time that
// was due.
func (p *Participant) noteArrived(b []byte, at time.Time) {
	p.note(b, func(h *rtp.Header) {
		if len(p.arrived) == maxArrived {
			clear(p.arrived)
		}
		p.arrived[packetKey{h.SSRC, h.SequenceNumber}] = at
	})
}

// takeArrived finds when a packet arrived, which is earlier than when it was read. The
// caller holds p.mu.
func (p *Participant) takeArrived(h *rtp.Header, read time.Time) time.Time {
	key := packetKey{h.SSRC, h.SequenceNumber}
	at, ok := p.arrived[key]
	if !ok {
		return read
	}
	delete(p.arrived, key)
	return at
}

// noteLost records an RTP packet that our network or our queue lost.
func (p *Participant) noteLost(b []byte) {
	p.note(b, func(h *rtp.Header) {
		p.dropped++
		p.oracle.OnLost(h)
	})
}

// noteLate records an RTP packet that our network lets others overtake: for the oracle
// it is lost until it comes.
func (p *Participant) noteLate(b []byte) {
	p.note(b, func(h *rtp.Header) {
		p.late++
		p.oracle.OnLost(h)
	})
}

// noteDoubled records an RTP packet that our network doubles.
func (p *Participant) noteDoubled(b []byte) {
	p.note(b, func(h *rtp.Header) {
		p.doubled++
		p.oracle.OnDoubled(h)
	})
}

// note reads the header of a packet, which is in the clear (RFC 3711 §3.1).
func (p *Participant) note(b []byte, tell func(*rtp.Header)) {
	header := &rtp.Header{}
	if _, err := header.Unmarshal(b); err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	tell(header)
}
