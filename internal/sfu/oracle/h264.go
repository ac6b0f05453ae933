package oracle

import (
	"github.com/gotgcall/gotgcall/internal/sfu/avc"
	"github.com/pion/rtp"
)

// h264PT is Telegram's payload type of H.264.
const h264PT = 104

// checkH264 wants packetization mode 1 (RFC 6184 section 6.3), which is what Telegram's
// clients negotiate.
func (o *Oracle) checkH264(s *stream, h *rtp.Header, payload []byte) {
	if len(payload) == 0 {
		return // padding
	}
	p, err := avc.Parse(payload)
	switch {
	case err != nil:
		o.Violate("H.264 payload", "SSRC %d, sequence number %d: %v", s.ssrc, h.SequenceNumber, err)
	case h.Marker && p.Fragment && !p.Ends:
		o.Violate("H.264 marker", "SSRC %d, sequence number %d: a picture ends within a unit", s.ssrc, h.SequenceNumber)
	}
}
