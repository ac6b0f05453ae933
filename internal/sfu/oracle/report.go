package oracle

import (
	"math"
	"time"

	"github.com/pion/rtcp"
)

const (
	// reportEvery is what a sending SSRC has at most between sender reports; Telegram's
	// own clients need 5 s.
	reportEvery = 6 * time.Second
	// reportTolerance is how far two sender reports may disagree about the clock: a
	// report extrapolates from the newest packet, so a late packet shows in it.
	reportTolerance = 200 * time.Millisecond
)

// checkReported wants sender reports from everything that sends: without them nobody
// can tell lips from voice.
func (o *Oracle) checkReported(s *stream, at time.Time) {
	if s.stats.Kind != Audio && s.stats.Kind != Video {
		return
	}
	since := s.sendingSince
	if r := s.stats.LastReport; r != nil && r.Arrival.After(since) {
		since = r.Arrival
	}
	if at.Sub(since) > reportEvery {
		o.Violate("sender report missing", "%s SSRC %d has sent for %v without one",
			s.stats.Kind, s.ssrc, at.Sub(since).Round(time.Second))
	}
}

// OnReport judges a sender report, which reached our socket as sent says, if that is
// known, and came through our network at an instant.
func (o *Oracle) OnReport(r *rtcp.SenderReport, sent Sent, at time.Time) {
	s := o.streams[r.SSRC]
	if s == nil || s.stats.Kind == Undeclared {
		o.Violate("sender report SSRC", "%d was not declared", r.SSRC)
		return
	}
	if last := s.stats.LastReport; last != nil {
		ntp := ntpDuration(last.NTP, r.NTPTime)
		media := time.Duration(float64(int32(r.RTPTime-last.RTP)) / s.clock() * float64(time.Second))
		if off := ntp - media; off > reportTolerance || off < -reportTolerance {
			o.Violate("sender report clock", "%s SSRC %d: %v by NTP, %v by RTP since the last one",
				s.stats.Kind, s.ssrc, ntp.Round(time.Millisecond), media.Round(time.Millisecond))
		}
	}
	if !sent.at.IsZero() && (s.stats.Kind == Audio || s.stats.Kind == Video) {
		o.checkCounts(s, r, sent)
		o.onSync(s, r.NTPTime, r.RTPTime, sent.at)
	}
	s.stats.SenderReports++
	s.stats.LastReport = &SenderReport{
		NTP: r.NTPTime, RTP: r.RTPTime, Packets: r.PacketCount, Octets: r.OctetCount, Arrival: at,
	}
}

// ntpDuration is the time between two NTP timestamps (RFC 3550 §4: 32.32 fixed point).
func ntpDuration(from, to uint64) time.Duration {
	return time.Duration(float64(int64(to-from)) / math.Exp2(32) * float64(time.Second))
}
