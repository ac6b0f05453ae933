package sfu

import (
	"fmt"
	"time"

	"github.com/pion/rtp"
)

// What Telegram's clients send, and the servers read by fixed numbers.
const (
	audioPT = 111

	extAudioLevel  = 1
	extAbsSendTime = 2
	extTransportCC = 3
	extMid         = 4
	extOrientation = 13

	// oneByteProfile is RFC 8285 §4.2.
	oneByteProfile = 0xBEDE
	// markerSilence is how long audio must have been quiet for a marker to mean a new
	// talk spurt.
	markerSilence = 200 * time.Millisecond
	// maxStreams bounds what a client with wild SSRCs costs.
	maxStreams = 64
)

// oracle knows the rules and what a client did so far. Its owner guards it with a mutex.
type oracle struct {
	idleVideoGC time.Duration
	connectedAt time.Time
	streams     map[uint32]*stream
	transport   sequence // transport-wide numbers
	sendTimes   sendTimes
	sync        syncWatch
	broken      []string
	kinds       map[string]bool
}

func newOracle(req *joinRequest, idleVideoGC time.Duration) *oracle {
	o := &oracle{
		idleVideoGC: idleVideoGC,
		streams:     map[uint32]*stream{},
		kinds:       map[string]bool{},
	}
	o.add(req.audio, Audio, 0)
	for i, layer := range req.layers {
		media, rtx := o.add(layer.media, Video, i), o.add(layer.rtx, RTX, i)
		media.rtx, rtx.media = rtx, media
	}
	return o
}

func (o *oracle) add(ssrc uint32, kind StreamKind, layer int) *stream {
	s := &stream{ssrc: ssrc, stats: StreamStats{Kind: kind, Layer: layer}}
	o.streams[ssrc] = s
	return s
}

// violate notes the first occurrence of a kind. What follows the kind in a violation's
// text are the facts.
func (o *oracle) violate(kind, format string, args ...any) {
	if o.kinds[kind] {
		return
	}
	o.kinds[kind] = true
	o.broken = append(o.broken, kind+": "+fmt.Sprintf(format, args...))
}

// onPacket judges one packet. It gives the stream it belongs to (nil: beyond all
// bounds) and what its number says.
func (o *oracle) onPacket(h *rtp.Header, payload []byte, size int, at time.Time) (*stream, arrival) {
	o.checkTransport(h)
	s := o.streams[h.SSRC]
	if s == nil {
		if len(o.streams) >= maxStreams {
			return nil, arrival{}
		}
		s = o.add(h.SSRC, Undeclared, 0)
	}
	a := s.seq.observe(h.SequenceNumber)
	if a.unexplained > 0 && s.stats.Kind != Undeclared {
		o.violate("sequence gap", "%s SSRC %d: %d numbers missing from %d on, then %d",
			s.stats.Kind, s.ssrc, a.unexplained, uint16(a.firstUnexplained), h.SequenceNumber)
	}
	if a.duplicate && !a.doubled && s.stats.Kind != Undeclared {
		// The index is SRTP's nonce: used twice for different packets it gives the keys
		// away (RFC 3711 §9.1).
		o.violate("sequence number repeated", "%d on %s SSRC %d", h.SequenceNumber, s.stats.Kind, s.ssrc)
	}
	switch s.stats.Kind {
	case Undeclared:
		o.violate("undeclared SSRC", "SSRC %d, payload type %d, sequence number %d",
			h.SSRC, h.PayloadType, h.SequenceNumber)
	case Audio:
		o.checkAudio(s, h, payload, a, at)
	case Video:
		o.checkVideo(s, h, at)
	case RTX:
		o.checkRTX(s, h, at)
	}
	if s.stats.Kind != Undeclared {
		o.checkSize(s, h, payload)
	}
	s.record(h, payload, size, at)
	o.checkReported(s, at)
	return s, a
}

// checkTransport wants the transport-wide numbers contiguous across all SSRCs.
func (o *oracle) checkTransport(h *rtp.Header) {
	ext := h.GetExtension(extTransportCC)
	if len(ext) != 2 {
		return // the checks of the extension ids tell
	}
	number := uint16(ext[0])<<8 | uint16(ext[1])
	a := o.transport.observe(number)
	if a.unexplained > 0 {
		o.violate("transport-wide gap", "%d numbers missing from %d on, then %d on SSRC %d",
			a.unexplained, uint16(a.firstUnexplained), number, h.SSRC)
	}
	if a.duplicate && !a.doubled {
		o.violate("transport-wide number repeated", "%d on SSRC %d", number, h.SSRC)
	}
}

func (o *oracle) checkAudio(s *stream, h *rtp.Header, payload []byte, a arrival, at time.Time) {
	if h.PayloadType != audioPT {
		o.violate("audio payload type", "%d on SSRC %d, not %d", h.PayloadType, h.SSRC, audioPT)
	}
	o.checkExtensions(s, h, []uint8{extAudioLevel, extAbsSendTime, extTransportCC}, []uint8{extMid})
	o.checkLevel(s, h, payload)
	if !h.Marker || s.stats.Packets == 0 || a.late || a.duplicate {
		return // the packet before it is not known
	}
	jump := time.Duration(h.Timestamp-s.stats.LastRTP) * time.Second / audioClock
	if at.Sub(s.stats.LastAt) <= markerSilence && jump <= markerSilence {
		o.violate("audio marker", "sequence number %d, %v after the packet before it",
			h.SequenceNumber, at.Sub(s.stats.LastAt).Round(time.Millisecond))
	}
}

func (o *oracle) checkVideo(s *stream, h *rtp.Header, at time.Time) {
	switch h.PayloadType {
	case 100, 102, 104:
	case 101, 103, 105:
		o.violate("rtx payload type", "%d on the media SSRC %d", h.PayloadType, h.SSRC)
	default:
		o.violate("video payload type", "%d on SSRC %d, not 100, 102 or 104", h.PayloadType, h.SSRC)
	}
	o.checkExtensions(s, h, []uint8{extAbsSendTime, extTransportCC}, []uint8{extMid, extOrientation})
	if o.collected(s, at) {
		o.violate("video SSRC was collected", "SSRC %d sends again after more than %v of nothing",
			h.SSRC, o.idleVideoGC)
	}
}

func (o *oracle) checkRTX(s *stream, h *rtp.Header, at time.Time) {
	media := s.media
	switch {
	case media.stats.Packets > 0 && h.PayloadType != media.stats.PayloadType+1,
		media.stats.Packets == 0 && h.PayloadType != 101 && h.PayloadType != 103 && h.PayloadType != 105:
		o.violate("rtx payload type", "%d on the RTX SSRC %d of media with %d",
			h.PayloadType, h.SSRC, media.stats.PayloadType)
	}
	o.checkExtensions(s, h, []uint8{extAbsSendTime, extTransportCC}, []uint8{extMid, extOrientation})

	// An RTX SSRC carries nothing on a good line: it lives as long as what it repairs.
	if o.collected(media, at) {
		o.violate("video SSRC was collected", "RTX SSRC %d of SSRC %d", h.SSRC, media.ssrc)
	}
}

func (o *oracle) checkExtensions(s *stream, h *rtp.Header, must, may []uint8) {
	if h.Extension && h.ExtensionProfile != oneByteProfile {
		o.violate("extension form", "profile %#04x on %s SSRC %d, not %#04x",
			h.ExtensionProfile, s.stats.Kind, h.SSRC, oneByteProfile)
	}
	for _, id := range must {
		if ext := h.GetExtension(id); len(ext) != extensionSize(id) {
			o.violate(fmt.Sprintf("%s extension %d missing", s.stats.Kind, id),
				"SSRC %d, sequence number %d: %d bytes, not %d", h.SSRC, h.SequenceNumber, len(ext), extensionSize(id))
		}
	}
	for _, id := range h.GetExtensionIDs() {
		if !contains(must, id) && !contains(may, id) {
			o.violate(fmt.Sprintf("%s extension %d not allowed", s.stats.Kind, id),
				"SSRC %d, sequence number %d", h.SSRC, h.SequenceNumber)
		}
	}
}

func extensionSize(id uint8) int {
	switch id {
	case extAudioLevel:
		return 1
	case extTransportCC:
		return 2
	default:
		return 3
	}
}

func contains(ids []uint8, id uint8) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}

// collected says whether a video SSRC has been idle for too long, now or ever.
func (o *oracle) collected(s *stream, at time.Time) bool {
	if o.idleVideoGC == 0 || s.stats.Kind != Video {
		return false
	}
	last := s.stats.LastAt
	if last.IsZero() {
		last = o.connectedAt
	}
	if !last.IsZero() && at.Sub(last) > o.idleVideoGC {
		s.stats.Collected = true
	}
	return s.stats.Collected
}

// onLost takes note of a packet that our own network dropped.
func (o *oracle) onLost(h *rtp.Header) {
	if ext := h.GetExtension(extTransportCC); len(ext) == 2 {
		o.transport.drop(uint16(ext[0])<<8 | uint16(ext[1]))
	}
	if s := o.streams[h.SSRC]; s != nil {
		s.seq.drop(h.SequenceNumber)
	}
}

// onDoubled takes note of a packet that our own network delivers twice.
func (o *oracle) onDoubled(h *rtp.Header) {
	if ext := h.GetExtension(extTransportCC); len(ext) == 2 {
		o.transport.double(uint16(ext[0])<<8 | uint16(ext[1]))
	}
	if s := o.streams[h.SSRC]; s != nil {
		s.seq.double(h.SequenceNumber)
	}
}
