package receive

import (
	"time"

	"github.com/pion/rtcp"
)

// reception counts what a receiver reports of a stream (RFC 3550 section 6.4.1).
type reception struct {
	begun    bool
	base     uint32 // extended sequence numbers: of the first packet
	highest  uint32 // of the one furthest ahead
	packets  uint32
	expected uint32 // at the last report
	got      uint32 // packets at the last report
	transit  uint32 // of the packet before, in units of RTP time
	jitter   float64
}

// count takes a packet that arrived, whose clock has a number of ticks in a second.
func (r *reception) count(sequence uint16, rtpTime uint32, arrival time.Time, clockRate int) {
	transit := uint32(arrival.UnixMicro()*int64(clockRate)/1e6) - rtpTime
	if !r.begun {
		r.begun, r.base, r.highest, r.transit = true, uint32(sequence), uint32(sequence), transit
	}
	ahead := int16(sequence - uint16(r.highest))
	if int(ahead) > restart || int(ahead) < -restart {
		*r = reception{begun: true, base: uint32(sequence), highest: uint32(sequence), transit: transit}
	} else if ahead > 0 {
		r.highest += uint32(ahead)
	}
	r.packets++
	d := float64(int32(transit - r.transit))
	r.transit = transit
	r.jitter += (max(d, -d) - r.jitter) / 16
}

// report returns what is to be reported, counted from the last report.
func (r *reception) report(ssrc uint32) rtcp.ReceptionReport {
	expected := r.highest - r.base + 1
	interval, got := expected-r.expected, r.packets-r.got
	r.expected, r.got = expected, r.packets
	var fraction uint8
	if interval > got {
		fraction = uint8(min(256*(interval-got)/interval, 255))
	}
	lost := uint32(0)
	if expected > r.packets {
		lost = min(expected-r.packets, 1<<23-1)
	}
	return rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: fraction, TotalLost: lost, LastSequenceNumber: r.highest, Jitter: uint32(r.jitter),
	}
}
