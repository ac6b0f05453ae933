package sfu

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	readBuffer = 1 << 13
	// maxHeld is how many media packets wait until somebody reads: Telegram's test SFU
	// keeps as many.
	maxHeld = 256
	// settleTime is when it begins to read, counted from the connection.
	settleTime = 500 * time.Millisecond
)

type heldPacket struct {
	data []byte
	at   time.Time
}

// read is the participant's read goroutine: it sorts what ICE delivers.
func (p *Participant) read() {
	var (
		held []heldPacket
		buf  = make([]byte, readBuffer)
		conn = p.transport.conn
	)
	for {
		n, err := conn.Read(buf)
		switch {
		case err == nil:
		case isTimeout(err) && p.ctx.Err() == nil:
			_ = conn.SetReadDeadline(time.Time{}) // wake was called
			held = p.release(held)
			continue
		default:
			return
		}
		switch b := buf[:n]; {
		case netem.IsDTLS(b):
			p.transport.pipe.push(b)
		case netem.IsMedia(b):
			held = p.hold(held, heldPacket{append([]byte(nil), b...), time.Now()})
			held = p.release(held)
		}
	}
}

// hold appends a packet or, when too many wait, loses it.
func (p *Participant) hold(held []heldPacket, pkt heldPacket) []heldPacket {
	if len(held) < maxHeld {
		return append(held, pkt)
	}
	p.mu.Lock()
	p.held++
	if p.cfg.Strict && !p.settled.Load() {
		p.oracle.Violate("burst", "more than %d packets within %v after the connection", maxHeld, settleTime)
	}
	p.mu.Unlock()
	if netem.IsRTP(pkt.data) {
		p.noteLost(pkt.data)
	}
	return held
}

// release processes what waits, once somebody reads.
func (p *Participant) release(held []heldPacket) []heldPacket {
	if len(held) == 0 || !p.reading() {
		return held
	}
	for _, pkt := range held {
		if netem.IsRTCP(pkt.data) {
			p.onRTCP(pkt)
		} else {
			p.onRTP(pkt)
		}
	}
	return held[:0]
}

// settle lets media be read some time after the connection.
func (p *Participant) settle() {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-p.ctx.Done():
	case <-timer.C:
		p.settled.Store(true)
		p.wake()
	}
}

// reading says whether media is read yet: Telegram's test SFU waits a while, and for
// the client's SCTP association.
func (p *Participant) reading() bool {
	select {
	case <-p.connected:
	default:
		return false
	}
	return !p.cfg.Strict || (p.settled.Load() && p.data.associated.Load())
}

func (p *Participant) onRTP(in heldPacket) {
	plain, err := p.decrypt(in.data, false)
	if err != nil {
		p.violate("SRTP", "%v", err)
		return
	}
	pkt := &rtp.Packet{}
	if err = pkt.Unmarshal(plain); err != nil {
		p.violate("RTP", "%v", err)
		return
	}
	at, collected := p.account(pkt, len(in.data), in.at)
	if collected {
		return
	}
	if p.cfg.OnRTP != nil {
		p.cfg.OnRTP(p, Packet{Header: pkt.Header, Payload: pkt.Payload, Size: len(in.data), Arrival: at})
	}
	p.call.distribute(p, plain, p.isVideo(pkt.SSRC))
}

// account lets the oracle judge and the feedback know. It returns when the packet
// arrived, and whether its SSRC is one that was collected: what comes on it is nobody's
// to hear.
func (p *Participant) account(pkt *rtp.Packet, size int, read time.Time) (at time.Time, collected bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at = p.takeArrived(&pkt.Header, read)
	if ext := pkt.GetExtension(oracle.TransportCC); len(ext) == 2 {
		p.twcc.Record(p.req.Audio, uint16(ext[0])<<8|uint16(ext[1]), at.UnixMicro())
	}
	return at, p.oracle.OnPacket(&pkt.Header, pkt.Payload, size, at)
}

func (p *Participant) onRTCP(in heldPacket) {
	plain, err := p.decrypt(in.data, true)
	if err != nil {
		p.violate("SRTCP", "%v", err)
		return
	}
	pkts, err := rtcp.Unmarshal(plain)
	if err != nil {
		p.violate("RTCP", "%v", err)
		return
	}
	p.mu.Lock()
	sent := p.takeSent(in.data)
	for _, pkt := range pkts {
		if report, ok := pkt.(*rtcp.SenderReport); ok {
			p.oracle.OnReport(report, sent, in.at)
		}
	}
	p.mu.Unlock()
	p.relayKeyFrameRequests(pkts)
	if p.cfg.OnRTCP != nil {
		p.cfg.OnRTCP(p, pkts, in.at)
	}
}

func (p *Participant) decrypt(b []byte, control bool) ([]byte, error) {
	t := p.transport
	t.keysMu.Lock()
	defer t.keysMu.Unlock()
	if control {
		return t.inbound.DecryptRTCP(nil, b, nil)
	}
	return t.inbound.DecryptRTP(nil, b, nil)
}

func (p *Participant) violate(kind, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oracle.Violate(kind, format, args...)
}
