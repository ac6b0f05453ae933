package wire

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// HandleRTCP acts on what a compound RTCP packet says about one SSRC: receiver
// reports and NACKs concern its sender, which is nil for an SSRC that is not ours,
// transport-wide feedback the path. What it says about other SSRCs, and what cannot
// be read, is ignored.
func HandleRTCP(packet []byte, ssrc uint32, s *Sender, congestion *Congestion) {
	if exaggerates(packet) {
		return
	}
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return // Telegram's own test server sends malformed packets
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.ReceiverReport:
			s.onReports(p.Reports)
		case *rtcp.SenderReport:
			s.onReports(p.Reports)
		case *rtcp.TransportLayerNack:
			if s != nil && p.MediaSSRC == ssrc {
				_ = s.retransmit(p) // fails when the connection goes away, which is reported
			}
		case *rtcp.TransportLayerCC:
			if p.MediaSSRC == ssrc {
				congestion.onFeedback(p)
			}
		}
	}
}

// onReports reads the report blocks about the stream. A nil sender ignores them.
func (s *Sender) onReports(blocks []rtcp.ReceptionReport) {
	if s == nil {
		return
	}
	for _, b := range blocks {
		if b.SSRC == s.stream.SSRC {
			s.reception.onReport(b, s.timeline.rate, s.clock.ntp(time.Now()))
		}
	}
}

// exaggerates reports whether a compound packet has transport-wide feedback on more
// packets than can be looked up. 30 bytes of it may claim 65,535, and make unpacking
// costly.
func exaggerates(p []byte) bool {
	const headerSize, countAt, feedbackSize = 4, 14, 20 // draft-holmer-rmcat-transport-wide-cc section 3.1
	for len(p) >= headerSize {
		size := headerSize * (1 + int(binary.BigEndian.Uint16(p[2:])))
		if size > len(p) {
			return false // malformed
		}
		kind, format := rtcp.PacketType(p[1]), p[0]&0x1f
		if kind == rtcp.TypeTransportSpecificFeedback && format == rtcp.FormatTCC && size >= feedbackSize &&
			binary.BigEndian.Uint16(p[countAt:]) > sentSize {
			return true
		}
		p = p[size:]
	}
	return false
}
