package sfu

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/rtp"
)

// What follows is told of a client's datagrams on their way from our socket through the
// weather to the read loop.

const (
	// maxControl bounds the RTCP that is on its way: what the network loses is never
	// asked for.
	maxControl = 256
	// maxArrived bounds the RTP that has come through the network and was not read yet.
	maxArrived = 4096
)

// packetKey tells packets apart as long as both may be under way.
type packetKey struct {
	ssrc   uint32
	number uint16
}

// noteSent is told of datagrams when they reach our socket, before the network.
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

// noteArrived is told of RTP packets that came through the network, with the time that
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

// noteLost is told of RTP packets that never reach the oracle through our own doing.
func (p *Participant) noteLost(b []byte) {
	p.note(b, func(h *rtp.Header) {
		p.dropped++
		p.oracle.OnLost(h)
	})
}

// noteLate is told of RTP packets that our network lets others overtake: for the oracle
// they are lost until they come.
func (p *Participant) noteLate(b []byte) {
	p.note(b, func(h *rtp.Header) {
		p.late++
		p.oracle.OnLost(h)
	})
}

// noteDoubled is told of RTP packets that our network doubles.
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
