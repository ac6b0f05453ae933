package wire

import (
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/gotgcall/gotgcall/models"
)

// SenderReports returns a report (RFC 3550 section 6.4.1) for each stream that has
// sent anything, all of one instant, and a source description of them. It returns
// nothing before the first packet.
func SenderReports(senders ...*Sender) []rtcp.Packet {
	now := time.Now()
	var packets []rtcp.Packet
	var chunks []rtcp.SourceDescriptionChunk
	for _, s := range senders {
		sent := s.sent()
		if sent.packets == 0 {
			continue
		}
		packets = append(packets, &rtcp.SenderReport{
			SSRC:        s.stream.SSRC,
			NTPTime:     s.clock.ntp(now),
			RTPTime:     s.timeline.at(now),
			PacketCount: uint32(sent.packets), // modulo 2^32
			OctetCount:  uint32(sent.octets),
		})
		chunks = append(chunks, rtcp.SourceDescriptionChunk{
			Source: s.stream.SSRC,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: s.stream.CNAME}},
		})
	}
	if len(chunks) > 0 {
		packets = append(packets, &rtcp.SourceDescription{Chunks: chunks})
	}
	return packets
}

// reception is what the far end last reported about a stream.
type reception struct {
	mu    sync.Mutex // guards stats
	stats models.StreamStats
}

// onReport reads one report block (RFC 3550 section 6.4.1) for a stream of the given
// clock rate. The round trip is the time since the sender report it answers, less the
// time the server kept it. now is the NTP time of that report's clock.
func (r *reception) onReport(b rtcp.ReceptionReport, rate int64, now uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.FractionLost = float64(b.FractionLost) / 256
	r.stats.Lost = int64(int32(b.TotalLost<<8) >> 8) // 24 bits, signed
	r.stats.Jitter = time.Duration(int64(b.Jitter) * int64(time.Second) / rate)
	if b.LastSenderReport != 0 {
		trip := uint32(now>>16) - b.LastSenderReport - b.Delay
		if int32(trip) >= 0 {
			r.stats.RoundTrip = time.Duration(trip) * time.Second >> 16
		}
	}
}

// last returns the figures of the last report. Its RoundTrip is zero before the
// round trip is known.
func (r *reception) last() models.StreamStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}
