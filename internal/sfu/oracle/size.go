package oracle

import "github.com/pion/rtp"

const (
	maxRTPPayload = 1200
	// OSNSize is the size of the original sequence number before a repeated payload
	// (RFC 4588 §4).
	OSNSize = 2
	// maxClientDatagram is what a client may put into one UDP datagram: the least MTU
	// of IPv6, which tunnels have too (RFC 8200 §5), without the headers of IPv6 and
	// UDP.
	maxClientDatagram = 1280 - 40 - 8
)

func (o *Oracle) checkSize(s *stream, h *rtp.Header, payload []byte) {
	limit := maxRTPPayload
	if s.stats.Kind == RTX {
		limit += OSNSize
	}
	if len(payload) > limit {
		o.Violate("payload size", "%d bytes on %s SSRC %d, more than %d",
			len(payload), s.stats.Kind, h.SSRC, limit)
	}
}

// CheckDatagram bounds what goes out in one piece: a fragment that is lost loses all of it.
func (o *Oracle) CheckDatagram(size int) {
	if size > maxClientDatagram {
		o.Violate("datagram size", "%d bytes, more than %d", size, maxClientDatagram)
	}
}
