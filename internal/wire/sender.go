package wire

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/gotgcall/gotgcall/models"
)

const (
	// maxPayload bounds an RTP payload so that a datagram fits every path of
	// IPv6, whose least MTU tunnels like WireGuard have: 1280 bytes (RFC 8200
	// section 5), less the headers of IPv6, UDP, TURN's ChannelData and RTP
	// with its extensions, the original sequence number of a retransmission,
	// and the tag of AES-GCM.
	maxPayload = 1280 - 40 - 8 - 4 - 28 - osnSize - 16
	// paddingSize is the one size that is known from the field to keep an
	// idle video SSRC bound at the server.
	paddingSize = 255
)

// Writer sends RTP packets. It does not retain the header or the payload. The
// webrtc.TrackLocalWriter of pion is one.
type Writer interface {
	WriteRTP(h *rtp.Header, payload []byte) (int, error)
}

// Stream is the identity of an outgoing RTP stream.
type Stream struct {
	// SSRC is the stream's synchronisation source (RFC 3550 section 3).
	SSRC uint32
	// MID is the media section that packets name (RFC 8843 section 15).
	MID string
	// CNAME is the same for all streams that share a [Clock] (RFC 3550 section
	// 6.5.1).
	CNAME string
	// Extensions are the same for all streams of a connection.
	Extensions Extensions
}

// Extensions are the ids of RTP header extensions, each in 1..14 (RFC 8285
// section 4.2).
type Extensions struct {
	AudioLevel, AbsSendTime, TransportWide, MID uint8
}

// Sender sends the frames of one stream as RTP packets. Its methods are safe for
// concurrent use and do not block: a UDP socket does not wait.
type Sender struct {
	// immutable after New…Sender
	stream   Stream
	clock    Clock
	timeline timeline
	log      *slog.Logger

	reception reception
	complain  sync.Once // about a packet that cannot be sent

	mu      sync.Mutex // guards what follows; held while a frame is written
	writer  Writer     // nil while unbound
	header  rtp.Header
	buf     []byte // the payload being built; nil before the first that is
	audio   *audioPayload
	video   *videoPayload
	counter counters
}

// counters count what was sent on a stream.
type counters struct {
	packets, octets uint64
	last            time.Time // when the last packet was written
}

// NewAudioSender returns a sender of Opus packets.
func NewAudioSender(s Stream, c Clock, log *slog.Logger) *Sender {
	sender := newSender(s, c, log, opusClockRate)
	sender.audio = newAudioPayload(&sender.header, s.Extensions)
	return sender
}

// NewVideoSender returns a sender of pictures, retransmitted on the SSRC rtx
// (RFC 4588). It withholds pictures while the path is congested.
func NewVideoSender(s Stream, rtx uint32, c Clock, log *slog.Logger, congestion *Congestion) *Sender {
	sender := newSender(s, c, log, vp8ClockRate)
	sender.video = newVideoPayload(s, rtx, congestion)
	return sender
}

func newSender(s Stream, c Clock, log *slog.Logger, rate int64) *Sender {
	return &Sender{
		stream: s, clock: c, log: log,
		timeline: timeline{epoch: c.epoch, base: rand.Uint32(), rate: rate},
		header:   newHeader(s),
	}
}

// newHeader returns a header with room for the extensions of every packet.
func newHeader(s Stream) rtp.Header {
	h := rtp.Header{Version: 2, SequenceNumber: uint16(rand.N(1 << 15)), SSRC: s.SSRC}
	setExtension(&h, s.Extensions.AbsSendTime, make([]byte, 3))
	setExtension(&h, s.Extensions.TransportWide, make([]byte, 2))
	setExtension(&h, s.Extensions.MID, []byte(s.MID))
	return h
}

// setExtension makes a payload part of a header. The slice stays ours: what is
// written to it later goes out with the next packet.
func setExtension(h *rtp.Header, id uint8, payload []byte) {
	if err := h.SetExtension(id, payload); err != nil {
		panic(err) // an id or size out of range is a defect of the caller
	}
}

// SSRC returns the stream's synchronisation source.
func (s *Sender) SSRC() uint32 { return s.stream.SSRC }

// Bind starts sending through w with the negotiated payload types: of Opus, or of VP8.
// Audio ignores rtx, the payload type of retransmissions.
func (s *Sender) Bind(w Writer, payloadType, rtx uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = w
	s.header.PayloadType = payloadType
	if s.video != nil {
		s.video.vp8 = format{payloadType, rtx}
		s.setFormat(s.video.vp8)
	}
}

// BindH264 lets a bound sender of pictures send H.264 as well, with these payload types.
func (s *Sender) BindH264(payloadType, rtx uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.video.h264 = format{payloadType, rtx}
}

// Unbind forgets the writer. Frames written after it are refused.
func (s *Sender) Unbind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = nil
}

var (
	// errUnbound is returned for a frame while there is no writer.
	errUnbound = errors.New("the stream has no connection")
	// errNotH264 is returned for a picture that the connection does not take.
	errNotH264 = errors.New("the server does not list H.264")
	// errOversize is returned for an audio packet that fits no datagram and is
	// no Opus packet that could be split.
	errOversize = errors.New("the packet is too large and cannot be split")
)

// WriteFrame sends an encoded frame that is due at an instant: an Opus packet, or a
// VP8 picture. Its RTP time is that instant's, however late it is written. The data
// is not retained. An Opus packet that does not fit a datagram is split into its
// frames; one that cannot be split fails with [models.ErrInvalidParams].
func (s *Sender) WriteFrame(data []byte, due time.Time) error {
	err := s.writeFrame(data, due)
	if errors.Is(err, errOversize) {
		s.complain.Do(func() {
			s.log.Warn("left out a packet of sound, and will more of the kind", "bytes", len(data), "err", err)
		})
	}
	return err
}

// WriteH264 is [Sender.WriteFrame] for a picture in H.264: an access unit in the byte
// stream format (annex B), which has its parameter sets in it if it is a key frame. It
// needs [Sender.BindH264].
func (s *Sender) WriteH264(unit []byte, due time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.writer == nil:
		return errUnbound
	case s.video.h264 == format{}:
		return errNotH264
	}
	s.header.Timestamp = s.timeline.at(due)
	return s.writeH264(unit)
}

func (s *Sender) writeFrame(data []byte, due time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.writer == nil:
		return errUnbound
	case s.video != nil:
		s.header.Timestamp = s.timeline.at(due)
		return s.writeVP8(data)
	case len(data) > maxPayload:
		return s.splitAudio(data, due)
	}
	return s.writeAudio(data, due)
}

// KeepAlive sends one padding-only packet if nothing was sent for idle. It shares
// the sequence space with the media: the server forgets a declared video SSRC that
// stays silent, and a viewer's jitter buffer sees no gap.
func (s *Sender) KeepAlive(now time.Time, idle time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer == nil || now.Sub(s.counter.last) < idle {
		return nil
	}
	s.header.Timestamp = s.timeline.at(now)
	s.header.Marker = false
	s.header.Padding, s.header.PaddingSize = true, paddingSize
	defer func() { s.header.Padding, s.header.PaddingSize = false, 0 }()
	return s.write(nil)
}

// write sends one packet and takes its sequence number only when it was sent.
func (s *Sender) write(payload []byte) error {
	if _, err := s.writer.WriteRTP(&s.header, payload); err != nil {
		return fmt.Errorf("write rtp: %w", err)
	}
	now := time.Now()
	if s.video != nil && len(payload) > 0 { // padding is not repeated
		s.video.history.store(&s.header, payload, now)
	}
	s.header.SequenceNumber++
	s.counter.packets++
	s.counter.octets += uint64(len(payload))
	s.counter.last = now
	return nil
}

// sent returns the counters of the stream.
func (s *Sender) sent() counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counter
}

// Stats returns what was sent, and what the far end last reported about it.
func (s *Sender) Stats() models.StreamStats {
	stats := s.reception.last()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.video != nil {
		stats.Retransmitted = s.video.history.count
	}
	stats.SSRC, stats.Packets, stats.Bytes = s.stream.SSRC, s.counter.packets, s.counter.octets
	return stats
}
