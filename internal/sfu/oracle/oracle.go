package oracle

import (
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
)

// What Telegram's clients send, and the servers read by fixed numbers.
const (
	audioPT = 111

	extAudioLevel  = 1
	extAbsSendTime = 2
	// TransportCC is the id of the transport-wide sequence number.
	TransportCC    = 3
	extMid         = 4
	extOrientation = 13

	// oneByteProfile is RFC 8285 §4.2.
	oneByteProfile = 0xBEDE
	// markerSilence is how long audio must have been quiet for a marker to mean a new
	// talk spurt.
	markerSilence = 200 * time.Millisecond
	// maxTypes is how many payload types of pictures there are.
	maxTypes = 3
	// maxStreams bounds what a client with wild SSRCs costs.
	maxStreams = 64
)

// Config is what a client declared, and what the server does with it.
type Config struct {
	Audio  uint32  // SSRC
	Layers []Layer // of video, lowest resolution first
	// IdleVideoGC is how long a video SSRC may be idle before it is dropped; 0 is no
	// limit.
	IdleVideoGC time.Duration
	// NoH264 says that the answer did not list H.264.
	NoH264 bool
	// Repair follows which packets are missing, for [Oracle.NACKs].
	Repair bool
}

// Layer is one resolution of video.
type Layer struct{ Media, RTX uint32 } // SSRCs

// Oracle knows the rules and what a client did so far. Its owner guards it with a mutex.
type Oracle struct {
	// ConnectedAt is set by the owner when media can flow.
	ConnectedAt time.Time

	cfg       Config
	streams   map[uint32]*stream
	transport sequence // transport-wide numbers
	sendTimes sendTimes
	sync      syncWatch
	broken    []string
	kinds     map[string]bool
}

// New returns the oracle of a client that just joined.
func New(cfg Config) *Oracle {
	o := &Oracle{cfg: cfg, streams: map[uint32]*stream{}, kinds: map[string]bool{}}
	o.add(cfg.Audio, Audio, 0)
	for i, layer := range cfg.Layers {
		media, rtx := o.add(layer.Media, Video, i), o.add(layer.RTX, RTX, i)
		media.rtx, rtx.media = rtx, media
	}
	return o
}

// Violations lists the rules that were broken, in order, each kind once with the facts
// of its first occurrence.
func (o *Oracle) Violations() []string { return slices.Clone(o.broken) }

// Streams returns what is known of every declared SSRC and of up to 64 others.
func (o *Oracle) Streams(now time.Time) map[uint32]StreamStats {
	all := make(map[uint32]StreamStats, len(o.streams))
	for ssrc, s := range o.streams {
		o.collected(s, now)
		all[ssrc] = s.snapshot()
	}
	return all
}

// TransportLost returns how many transport-wide numbers never came.
func (o *Oracle) TransportLost() uint64 { return o.transport.lost() }

func (o *Oracle) add(ssrc uint32, kind StreamKind, layer int) *stream {
	s := &stream{ssrc: ssrc, stats: StreamStats{Kind: kind, Layer: layer}}
	o.streams[ssrc] = s
	return s
}

// Violate notes the first occurrence of a kind. What follows the kind in a violation's
// text are the facts.
func (o *Oracle) Violate(kind, format string, args ...any) {
	if o.kinds[kind] {
		return
	}
	o.kinds[kind] = true
	o.broken = append(o.broken, kind+": "+fmt.Sprintf(format, args...))
}

// OnPacket judges a packet that came through the network. It reports whether its SSRC was
// collected.
func (o *Oracle) OnPacket(h *rtp.Header, payload []byte, size int, at time.Time) (collected bool) {
	o.checkTransport(h)
	s := o.streams[h.SSRC]
	if s == nil {
		if len(o.streams) >= maxStreams {
			return false
		}
		s = o.add(h.SSRC, Undeclared, 0)
	}
	a := s.seq.observe(h.SequenceNumber)
	o.checkNumber(s, a, h)
	switch s.stats.Kind {
	case Undeclared:
		o.Violate("undeclared SSRC", "SSRC %d, payload type %d, sequence number %d",
			h.SSRC, h.PayloadType, h.SequenceNumber)
	case Audio:
		o.checkAudio(s, h, payload, a, at)
	case Video:
		o.checkVideo(s, h, payload, at)
	case RTX:
		o.checkRTX(s, h, at)
	}
	if s.stats.Kind != Undeclared {
		o.checkSize(s, h, payload)
	}
	s.record(h, payload, size, at)
	o.checkReported(s, at)
	if o.cfg.Repair {
		s.want(a, payload)
	}
	return s.stats.Collected || s.media != nil && s.media.stats.Collected
}

// checkNumber wants each sequence number once.
func (o *Oracle) checkNumber(s *stream, a arrival, h *rtp.Header) {
	if s.stats.Kind == Undeclared {
		return
	}
	if a.unexplained > 0 {
		o.Violate("sequence gap", "%s SSRC %d: %d numbers missing from %d on, then %d",
			s.stats.Kind, s.ssrc, a.unexplained, uint16(a.firstUnexplained), h.SequenceNumber)
	}
	if a.duplicate && !a.doubled {
		// The index is SRTP's nonce: used twice for different packets it gives the keys
		// away (RFC 3711 §9.1).
		o.Violate("sequence number repeated", "%d on %s SSRC %d", h.SequenceNumber, s.stats.Kind, s.ssrc)
	}
}

// checkTransport wants the transport-wide numbers contiguous across all SSRCs.
func (o *Oracle) checkTransport(h *rtp.Header) {
	ext := h.GetExtension(TransportCC)
	if len(ext) != 2 {
		return // checkExtensions reports it
	}
	number := uint16(ext[0])<<8 | uint16(ext[1])
	a := o.transport.observe(number)
	if a.unexplained > 0 {
		o.Violate("transport-wide gap", "%d numbers missing from %d on, then %d on SSRC %d",
			a.unexplained, uint16(a.firstUnexplained), number, h.SSRC)
	}
	if a.duplicate && !a.doubled {
		o.Violate("transport-wide number repeated", "%d on SSRC %d", number, h.SSRC)
	}
}

func (o *Oracle) checkAudio(s *stream, h *rtp.Header, payload []byte, a arrival, at time.Time) {
	if h.PayloadType != audioPT {
		o.Violate("audio payload type", "%d on SSRC %d, not %d", h.PayloadType, h.SSRC, audioPT)
	}
	o.checkExtensions(s, h, []uint8{extAudioLevel, extAbsSendTime, TransportCC}, []uint8{extMid})
	o.checkLevel(s, h, payload)
	if !h.Marker || s.stats.Packets == 0 || a.late || a.duplicate {
		return // the packet before it is not known
	}
	jump := time.Duration(h.Timestamp-s.stats.LastRTP) * time.Second / AudioClock
	if at.Sub(s.stats.LastAt) <= markerSilence && jump <= markerSilence {
		o.Violate("audio marker", "sequence number %d, %v after the packet before it",
			h.SequenceNumber, at.Sub(s.stats.LastAt).Round(time.Millisecond))
	}
}

func (o *Oracle) checkVideo(s *stream, h *rtp.Header, payload []byte, at time.Time) {
	switch h.PayloadType {
	case 100, 102:
	case h264PT:
		if o.cfg.NoH264 {
			o.Violate("video payload type", "%d on SSRC %d: the answer does not list H264", h.PayloadType, h.SSRC)
		}
		o.checkH264(s, h, payload)
	case 101, 103, 105:
		o.Violate("rtx payload type", "%d on the media SSRC %d", h.PayloadType, h.SSRC)
	default:
		o.Violate("video payload type", "%d on SSRC %d, not 100, 102 or 104", h.PayloadType, h.SSRC)
	}
	if !slices.Contains(s.types, h.PayloadType) && len(s.types) < maxTypes {
		s.types = append(s.types, h.PayloadType)
	}
	o.checkExtensions(s, h, []uint8{extAbsSendTime, TransportCC}, []uint8{extMid, extOrientation})
	if o.collected(s, at) {
		o.Violate("video SSRC was collected", "SSRC %d sends again after more than %v of nothing",
			h.SSRC, o.cfg.IdleVideoGC)
	}
}

func (o *Oracle) checkRTX(s *stream, h *rtp.Header, at time.Time) {
	media := s.media
	switch {
	case media.stats.Packets > 0 && !slices.Contains(media.types, h.PayloadType-1),
		media.stats.Packets == 0 && h.PayloadType != 101 && h.PayloadType != 103 && h.PayloadType != 105:
		o.Violate("rtx payload type", "%d on the RTX SSRC %d of media with %d",
			h.PayloadType, h.SSRC, media.stats.PayloadType)
	}
	o.checkExtensions(s, h, []uint8{extAbsSendTime, TransportCC}, []uint8{extMid, extOrientation})

	// An RTX SSRC carries nothing on a good line: it lives as long as what it repairs.
	if o.collected(media, at) {
		o.Violate("video SSRC was collected", "RTX SSRC %d of SSRC %d", h.SSRC, media.ssrc)
	}
}

func (o *Oracle) checkExtensions(s *stream, h *rtp.Header, must, may []uint8) {
	if h.Extension && h.ExtensionProfile != oneByteProfile {
		o.Violate("extension form", "profile %#04x on %s SSRC %d, not %#04x",
			h.ExtensionProfile, s.stats.Kind, h.SSRC, oneByteProfile)
	}
	for _, id := range must {
		if ext := h.GetExtension(id); len(ext) != extensionSize(id) {
			o.Violate(fmt.Sprintf("%s extension %d missing", s.stats.Kind, id),
				"SSRC %d, sequence number %d: %d bytes, not %d", h.SSRC, h.SequenceNumber, len(ext), extensionSize(id))
		}
	}
	for _, id := range h.GetExtensionIDs() {
		if !slices.Contains(must, id) && !slices.Contains(may, id) {
			o.Violate(fmt.Sprintf("%s extension %d not allowed", s.stats.Kind, id),
				"SSRC %d, sequence number %d", h.SSRC, h.SequenceNumber)
		}
	}
}

func extensionSize(id uint8) int {
	switch id {
	case extAudioLevel:
		return 1
	case TransportCC:
		return 2
	default:
		return 3
	}
}

// collected says whether a video SSRC has been idle for too long, now or ever.
func (o *Oracle) collected(s *stream, at time.Time) bool {
	if o.cfg.IdleVideoGC == 0 || s.stats.Kind != Video {
		return false
	}
	last := s.stats.LastAt
	if last.IsZero() {
		last = o.ConnectedAt
	}
	if !last.IsZero() && at.Sub(last) > o.cfg.IdleVideoGC {
		s.stats.Collected = true
	}
	return s.stats.Collected
}

// OnLost takes note of a packet that our own network dropped.
func (o *Oracle) OnLost(h *rtp.Header) {
	if ext := h.GetExtension(TransportCC); len(ext) == 2 {
		o.transport.drop(uint16(ext[0])<<8 | uint16(ext[1]))
	}
	if s := o.streams[h.SSRC]; s != nil {
		s.seq.drop(h.SequenceNumber)
	}
}

// OnDoubled takes note of a packet that our own network delivers twice.
func (o *Oracle) OnDoubled(h *rtp.Header) {
	if ext := h.GetExtension(TransportCC); len(ext) == 2 {
		o.transport.double(uint16(ext[0])<<8 | uint16(ext[1]))
	}
	if s := o.streams[h.SSRC]; s != nil {
		s.seq.double(h.SequenceNumber)
	}
}
