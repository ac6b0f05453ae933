package oracle

import "github.com/pion/rtcp"

// countSlack is how many packets may be under way in the client when it makes a report.
const countSlack = 8

// checkCounts compares what a report says was sent with what was. A report counts at
// least what we had seen when the one before it came, and at most what we had seen when
// it came itself. Repeats may be counted in, as libwebrtc does.
func (o *Oracle) checkCounts(s *stream, r *rtcp.SenderReport, sent Sent) {
	if !sent.at.After(s.countedAt) {
		return // a later one overtook it
	}
	now, before := sent.counts[s.ssrc], s.counted
	s.counted, s.countedAt = now, sent.at
	if s.rtx != nil {
		repeats := sent.counts[s.rtx.ssrc]
		now.packets += repeats.packets
		now.octets += repeats.octets
	}
	if s.stats.SenderReports == 0 {
		return // the first one says how it counts; nothing is known of what came before
	}
	if n := uint64(r.PacketCount); n > now.packets+countSlack || n+countSlack < before.packets {
		o.Violate("sender report packets", "%s SSRC %d: %d, not between %d and %d",
			s.stats.Kind, s.ssrc, n, before.packets, now.packets)
	}
	least := before.octets - min(before.octets, (before.packets+countSlack)*maxTag)
	most := now.octets + now.padded
	most += countSlack * (most / max(1, now.packets))
	if n := uint64(r.OctetCount); n > most || n < least {
		o.Violate("sender report octets", "%s SSRC %d: %d, not between %d and %d",
			s.stats.Kind, s.ssrc, n, least, most)
	}
}
