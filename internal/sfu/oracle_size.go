package sfu

import "github.com/pion/rtp"

const (
	maxRTPPayload = 1200
	osnSize       = 2 // RFC 4588 §4: the original sequence number before a repeated payload
	// maxClientDatagram is what a client may put into one UDP datagram: the least MTU
	// of IPv6, which tunnels have too (RFC 8200 §5), without the headers of IPv6 and
	// UDP.
	maxClientDatagram = 1280 - 40 - 8
)

func (o *oracle) checkSize(s *stream, h *rtp.Header, payload []byte) {
	limit := maxRTPPayload
	if s.stats.Kind == RTX {
		limit += osnSize
	}
	if len(payload) > limit {
		o.violate("payload size", "%d bytes on %s SSRC %d, more than %d",
			len(payload), s.stats.Kind, h.SSRC, limit)
	}
}

// checkDatagram bounds what goes out in one piece: a fragment that is lost loses all of it.
func (o *oracle) checkDatagram(size int) {
	if size > maxClientDatagram {
		o.violate("datagram size", "%d bytes, more than %d", size, maxClientDatagram)
	}
}
