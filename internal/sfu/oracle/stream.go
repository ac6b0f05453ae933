package oracle

import (
	"time"

	"github.com/pion/rtp"
)

// StreamKind is what an SSRC was declared as.
type StreamKind string

// The kinds of streams.
const (
	Audio      StreamKind = "audio"
	Video      StreamKind = "video"
	RTX        StreamKind = "rtx"
	Undeclared StreamKind = "undeclared"
)

// StreamStats is what is known of one SSRC.
type StreamStats struct {
	Kind StreamKind
	// Layer counts video layers from the lowest resolution, 0.
	Layer       int
	PayloadType uint8
	// Packets and Bytes count everything that arrived, duplicates too; Padding the
	// packets without media.
	Packets, Bytes, Padding uint64
	// Lost counts sequence numbers that never came; Recovered those that came by RTX.
	Lost, Duplicates, Recovered uint64
	// Nacked counts sequence numbers we asked for.
	Nacked uint64
	// FirstRTP and LastRTP are the timestamps of the first and the newest packet.
	FirstRTP, LastRTP uint32
	FirstAt, LastAt   time.Time
	// Jitter is RFC 3550's estimate, in timestamp units.
	Jitter float64
	// SenderReports counts them; LastReport is nil before the first.
	SenderReports uint64
	LastReport    *SenderReport
	// Collected says that the SSRC was idle for too long and is dropped for good.
	Collected bool
}

// SenderReport is a sender's word on when which RTP time was.
type SenderReport struct {
	NTP             uint64
	RTP             uint32
	Packets, Octets uint32
	Arrival         time.Time
}

// stream is one SSRC of a client. It is guarded by the oracle's owner.
type stream struct {
	ssrc  uint32
	media *stream // of an RTX stream: what it repairs
	rtx   *stream // of a video stream
	seq   sequence
	stats StreamStats
	types []uint8 // the payload types of a video stream

	sendingSince time.Time // start of the latest run of packets
	transit      float64   // RFC 3550 A.8
	levels       levels
	wire         wire
	counted      wireCount // when the last report reached our socket
	countedAt    time.Time
	wanted       map[int64]int
	reported     reportBase
}

// reportBase remembers what the last receiver report covered.
type reportBase struct {
	expected, received uint64
}

// The two clock rates there are: Opus (RFC 7587 §4.1) and all video.
const (
	AudioClock = 48000
	VideoClock = 90000
)

func (s *stream) clock() float64 {
	if s.stats.Kind == Audio || s.stats.Kind == Undeclared {
		return AudioClock
	}
	return VideoClock
}

// sendingGap ends a run of packets: keep-alive padding, one packet each 2 s, is not
// "sending".
const sendingGap = time.Second

// record counts a packet that is not a duplicate.
func (s *stream) record(h *rtp.Header, payload []byte, size int, at time.Time) {
	st := &s.stats
	if st.Packets == 0 {
		st.FirstRTP, st.FirstAt = h.Timestamp, at
	}
	if st.Packets == 0 || at.Sub(st.LastAt) > sendingGap {
		s.sendingSince = at
	} else {
		s.updateJitter(h.Timestamp, at)
	}
	st.Packets++
	st.Bytes += uint64(size)
	st.PayloadType = h.PayloadType
	st.LastRTP, st.LastAt = h.Timestamp, at
	if len(payload) == 0 {
		st.Padding++
	}
}

func (s *stream) updateJitter(timestamp uint32, at time.Time) {
	transit := at.Sub(s.stats.FirstAt).Seconds()*s.clock() - float64(int32(timestamp-s.stats.FirstRTP))
	delta := transit - s.transit
	s.transit = transit
	if delta < 0 {
		delta = -delta
	}
	s.stats.Jitter += (delta - s.stats.Jitter) / 16
}

func (s *stream) snapshot() StreamStats {
	st := s.stats
	st.Duplicates = s.seq.duplicates
	st.Lost = s.seq.lost()
	if st.LastReport != nil {
		report := *st.LastReport
		st.LastReport = &report
	}
	return st
}
