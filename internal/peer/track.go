package peer

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// maxPayload bounds an RTP payload so that a datagram fits every path of
	// IPv6, whose least MTU tunnels like WireGuard have: 1280 bytes (RFC 8200
	// section 5), less the headers of IPv6, UDP, TURN's ChannelData and RTP
	// with its extensions, the number in front of a packet that is sent again,
	// and the tag of AES-GCM.
	maxPayload = 1280 - 40 - 8 - 4 - 28 - osnSize - 16
	// maxFragment is what a packet takes of a picture.
	maxFragment = maxPayload - vp8DescriptorSize
	// vp8DescriptorSize is the payload descriptor with a 15-bit picture id
	// (RFC 7741 section 4.2).
	vp8DescriptorSize = 4
	// paddingSize is the one size that is known from the field to keep an
	// idle video SSRC bound at the server.
	paddingSize = 255
	// talkspurtGap is the silence after which an audio packet begins a new
	// talkspurt and carries the marker (RFC 3551 section 4.1).
	talkspurtGap = 200 * time.Millisecond
	// opusSilence is the largest packet a VBR Opus encoder makes of digital
	// silence: TOC byte and an empty range coder. Anything audible is longer.
	opusSilence = 3
)

// Audio levels of RFC 6464: the voice bit and the level in -dBov. The server
// forwards and shows as speaking only who has the bit. A constant level serves:
// what is sent is programme material, mastered to about the same loudness.
const (
	levelSpeaking = 0x80 | 20
	levelSilent   = 127
)

// timeline maps wall time to RTP time, one line for the life of a connection:
// whatever a player does (pauses, stalls, other sources), a frame that is due at
// an instant has that instant's RTP time, so sender reports are exact and both
// tracks agree.
type timeline struct {
	epoch time.Time // has a monotonic reading
	base  uint32
	rate  int64
}

// at returns the RTP time of an instant. It splits seconds off first, so that
// neither a month nor a fraction of a tick is lost.
func (l timeline) at(t time.Time) uint32 {
	d := t.Sub(l.epoch)
	sec, frac := int64(d/time.Second), int64(d%time.Second)
	return l.base + uint32(sec*l.rate+frac*l.rate/int64(time.Second))
}

// Track sends one RTP stream. Its methods are safe for concurrent use.
type Track struct {
	// immutable after newTrack
	kind webrtc.RTPCodecType
	mid  string
	mime string
	ssrc uint32
	line timeline
	log  *slog.Logger

	feedback feedback
	complain sync.Once // of a packet that cannot be sent

	mu        sync.Mutex // guards what follows; held while a frame is written
	writer    webrtc.TrackLocalWriter
	header    rtp.Header
	level     []byte // payload of the audio-level extension, audio only
	pictureID uint16
	buf       []byte   // a payload that is put together
	history   *history // video only
	gate      gate     // video only
	lastDue   time.Time
	count     count
}

// count is what was sent on a stream.
type count struct {
	packets, octets uint64
	last            time.Time // when the last packet was written
}

func newAudioTrack(ssrc uint32, epoch time.Time) *Track {
	t := &Track{
		kind: webrtc.RTPCodecTypeAudio, mid: midAudio, mime: webrtc.MimeTypeOpus, ssrc: ssrc,
		log:   slog.New(slog.DiscardHandler),
		line:  timeline{epoch: epoch, base: rand.Uint32(), rate: 48000},
		level: make([]byte, 1),
	}
	t.header = newHeader(t.mid)
	setExtension(&t.header, jsonparams.ExtAudioLevel, t.level)
	return t
}

func newVideoTrack(layer jsonparams.Layer, epoch time.Time) *Track {
	t := &Track{
		kind: webrtc.RTPCodecTypeVideo, mid: midVideo, mime: webrtc.MimeTypeVP8, ssrc: layer.SSRC,
		line:      timeline{epoch: epoch, base: rand.Uint32(), rate: 90000},
		pictureID: uint16(rand.N(1 << 15)),
		buf:       make([]byte, maxPayload),
		history:   &history{header: newHeader(midVideo)},
	}
	t.header = newHeader(t.mid)
	t.history.header.SSRC = layer.RTX
	return t
}

// newHeader reserves room for the extensions that every packet has.
func newHeader(mid string) rtp.Header {
	h := rtp.Header{Version: 2, SequenceNumber: uint16(rand.N(1 << 15))}
	setExtension(&h, jsonparams.ExtAbsSendTime, make([]byte, 3))
	setExtension(&h, jsonparams.ExtTransportWide, make([]byte, 2))
	setExtension(&h, jsonparams.ExtMID, []byte(mid))
	return h
}

// setExtension reserves room in a header. The payload stays ours: what is written
// to it later goes out with the next packet.
func setExtension(h *rtp.Header, id uint8, payload []byte) {
	if err := h.SetExtension(id, payload); err != nil {
		panic(err) // ids and sizes are constants of this file
	}
}

// ID, RID, StreamID, Kind, Bind and Unbind make Track a webrtc.TrackLocal.

// ID names the track.
func (t *Track) ID() string { return t.kind.String() }

// RID is empty: there is one encoding.
func (t *Track) RID() string { return "" }

// StreamID is the same for both tracks: players synchronise them.
func (t *Track) StreamID() string { return cname }

// Kind returns audio or video.
func (t *Track) Kind() webrtc.RTPCodecType { return t.kind }

// Bind receives the negotiated codec and the writer.
func (t *Track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, codec := range ctx.CodecParameters() {
		if codec.MimeType == t.mime {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.writer = ctx.WriteStream()
			t.header.PayloadType = uint8(codec.PayloadType)
			t.header.SSRC = t.ssrc
			if t.history != nil {
				t.history.header.PayloadType = rtxPayloadType(codec.PayloadType, ctx.CodecParameters())
			}
			return codec, nil
		}
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("%s: %w", t.mime, webrtc.ErrUnsupportedCodec)
}

// rtxPayloadType finds the codec that retransmits another one.
func rtxPayloadType(of webrtc.PayloadType, codecs []webrtc.RTPCodecParameters) uint8 {
	for _, c := range codecs {
		if c.MimeType == webrtc.MimeTypeRTX && c.SDPFmtpLine == fmt.Sprintf("apt=%d", of) {
			return uint8(c.PayloadType)
		}
	}
	return uint8(of + 1)
}

// Unbind forgets the writer.
func (t *Track) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

// errOversize is returned for an audio packet that fits no datagram and is no Opus
// packet that could be split.
var errOversize = errors.New("the packet is too large and cannot be split")

// WriteFrame sends an encoded frame that is due at an instant. Its RTP time is
// that instant's, however late it is written. The data is not retained. An Opus
// packet that does not fit a datagram is split into its frames.
func (t *Track) WriteFrame(data []byte, due time.Time) error {
	err := t.writeFrame(data, due)
	if errors.Is(err, errOversize) {
		t.complain.Do(func() {
			t.log.Warn("left out a packet of sound, and will more of the kind", "bytes", len(data), "err", err)
		})
	}
	return err
}

func (t *Track) writeFrame(data []byte, due time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.writer == nil:
		return webrtc.ErrConnectionClosed
	case t.kind == webrtc.RTPCodecTypeVideo:
		t.header.Timestamp = t.line.at(due)
		return t.writeVideo(data)
	case len(data) > maxPayload:
		return t.splitAudio(data, due)
	}
	return t.writeAudio(data, due)
}

// splitAudio sends each frame of an Opus packet as a packet of one, at its own time.
// A frame cannot be split: the largest makes a datagram of 1372 bytes.
func (t *Track) splitAudio(data []byte, due time.Time) error {
	var list [opusMaxFrames][]byte
	frames, ok := opusFrames(list[:0], data)
	if !ok {
		return fmt.Errorf("%w: %w", models.ErrInvalidParams, errOversize)
	}
	for _, frame := range frames {
		t.buf = append(append(t.buf[:0], data[0]&^3), frame...) // code 0: one frame
		if err := t.writeAudio(t.buf, due); err != nil {
			return err
		}
		due = due.Add(opusFrameDuration(data[0]))
	}
	return nil
}

func (t *Track) writeAudio(data []byte, due time.Time) error {
	t.header.Timestamp = t.line.at(due)
	t.level[0] = levelSpeaking
	if len(data) <= opusSilence {
		t.level[0] = levelSilent
	}
	t.header.Marker = due.Sub(t.lastDue) > talkspurtGap
	t.lastDue = due
	return t.write(data)
}

// writeVideo cuts a picture into packets of equal size (RFC 7741): equal ones
// lose less to a queue than full ones and a rest.
func (t *Track) writeVideo(data []byte) error {
	if len(data) == 0 || !t.gate.admit(data[0]&1 == 0, time.Now()) { // RFC 6386 section 9.1: 0 is a key frame
		return nil
	}
	t.pictureID = (t.pictureID + 1) & 0x7fff
	packets := (len(data) + maxFragment - 1) / maxFragment
	for i := range packets {
		from, to := i*len(data)/packets, (i+1)*len(data)/packets
		start := byte(0)
		if i == 0 {
			start = 0x10 // S: start of partition 0
		}
		t.buf[0] = 0x80 | start // X: extension follows
		t.buf[1] = 0x80         // I: picture id follows
		t.buf[2] = 0x80 | byte(t.pictureID>>8)
		t.buf[3] = byte(t.pictureID)
		n := copy(t.buf[vp8DescriptorSize:], data[from:to])
		t.header.Marker = i == packets-1
		if err := t.write(t.buf[:vp8DescriptorSize+n]); err != nil {
			return err
		}
	}
	return nil
}

// keepAlive sends one padding-only packet when nothing was sent since before
// idle. It shares the sequence space with the media: the server forgets a
// declared video SSRC that stays silent, and a viewer's jitter buffer sees no gap.
func (t *Track) keepAlive(now time.Time, idle time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writer == nil || now.Sub(t.count.last) < idle {
		return nil
	}
	t.header.Timestamp = t.line.at(now)
	t.header.Marker = false
	t.header.Padding, t.header.PaddingSize = true, paddingSize
	defer func() { t.header.Padding, t.header.PaddingSize = false, 0 }()
	return t.write(nil)
}

// write sends one packet and takes its sequence number only when it was sent.
func (t *Track) write(payload []byte) error {
	if _, err := t.writer.WriteRTP(&t.header, payload); err != nil {
		return fmt.Errorf("write rtp: %w", err)
	}
	now := time.Now()
	if t.history != nil {
		t.history.keep(&t.header, payload, now)
	}
	t.header.SequenceNumber++
	t.count.packets++
	t.count.octets += uint64(len(payload))
	t.count.last = now
	return nil
}

// sent returns the counters of the stream.
func (t *Track) sent() count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}
