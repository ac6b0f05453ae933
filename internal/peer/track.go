package peer

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
)

const (
	// maxPayload bounds an RTP payload: what field clients send, and small
	// enough for every path with header, extensions and SRTP tag.
	maxPayload = 1200 - vp8DescriptorSize
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

	mu        sync.Mutex // guards what follows; held while a frame is written
	writer    webrtc.TrackLocalWriter
	header    rtp.Header
	level     []byte // payload of the audio-level extension, audio only
	pictureID uint16
	buf       []byte // video payload: descriptor and fragment
	lastDue   time.Time
	count     count
}

// count is what a sender report says of a stream.
type count struct {
	packets, octets uint32
	last            time.Time // when the last packet was written
}

func newTrack(kind webrtc.RTPCodecType, ssrc uint32, epoch time.Time) *Track {
	t := &Track{kind: kind, ssrc: ssrc}
	t.line = timeline{epoch: epoch, base: rand.Uint32(), rate: 90000}
	t.mid, t.mime = midVideo, webrtc.MimeTypeVP8
	if kind == webrtc.RTPCodecTypeAudio {
		t.mid, t.mime = midAudio, webrtc.MimeTypeOpus
		t.line.rate = 48000
		t.level = make([]byte, 1)
	} else {
		t.buf = make([]byte, vp8DescriptorSize+maxPayload)
		t.pictureID = uint16(rand.N(1 << 15))
	}
	t.header = rtp.Header{Version: 2, SequenceNumber: uint16(rand.N(1 << 15))}
	t.setExtension(jsonparams.ExtAbsSendTime, make([]byte, 3))
	t.setExtension(jsonparams.ExtTransportWide, make([]byte, 2))
	t.setExtension(jsonparams.ExtMID, []byte(t.mid))
	if t.level != nil {
		t.setExtension(jsonparams.ExtAudioLevel, t.level)
	}
	return t
}

// setExtension reserves room in the header. The payload stays ours: what is
// written to it later goes out with the next packet.
func (t *Track) setExtension(id uint8, payload []byte) {
	if err := t.header.SetExtension(id, payload); err != nil {
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
			t.header.SSRC = uint32(ctx.SSRC())
			return codec, nil
		}
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("%s: %w", t.mime, webrtc.ErrUnsupportedCodec)
}

// Unbind forgets the writer.
func (t *Track) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

// WriteFrame sends an encoded frame that is due at an instant. Its RTP time is
// that instant's, however late it is written. The data is not retained.
func (t *Track) WriteFrame(data []byte, due time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.writer == nil {
		return webrtc.ErrConnectionClosed
	}
	t.header.Timestamp = t.line.at(due)
	if t.kind == webrtc.RTPCodecTypeAudio {
		return t.writeAudio(data, due)
	}
	return t.writeVideo(data)
}

func (t *Track) writeAudio(data []byte, due time.Time) error {
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
	t.pictureID = (t.pictureID + 1) & 0x7fff
	packets := (len(data) + maxPayload - 1) / maxPayload
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
	t.header.SequenceNumber++
	t.count.packets++
	t.count.octets += uint32(len(payload))
	t.count.last = time.Now()
	return nil
}

// sent returns the counters of the stream.
func (t *Track) sent() count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}
