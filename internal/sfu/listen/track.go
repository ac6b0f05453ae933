package listen

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// The payload types of pictures that listeners are sent, as participants send them.
const (
	vp8PT  = 100
	h264PT = 104
)

// pictures is a track of VP8 or H.264, as it comes: a participant may play one after the
// other.
type pictures struct {
	mu     sync.Mutex // guards what follows
	writer webrtc.TrackLocalWriter
	ssrc   webrtc.SSRC
	types  map[uint8]uint8 // what the listener calls a payload type
}

// ID, RID, StreamID and Kind make it a webrtc.TrackLocal.
func (p *pictures) ID() string                { return "video" }
func (p *pictures) RID() string               { return "" }
func (p *pictures) StreamID() string          { return "sfu" }
func (p *pictures) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }

// Bind takes the payload types that were negotiated.
func (p *pictures) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writer, p.ssrc, p.types = ctx.WriteStream(), ctx.SSRC(), map[uint8]uint8{}
	codecs := ctx.CodecParameters()
	for ours, mime := range map[uint8]string{vp8PT: webrtc.MimeTypeVP8, h264PT: webrtc.MimeTypeH264} {
		at := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return strings.EqualFold(c.MimeType, mime) })
		if at >= 0 {
			p.types[ours] = uint8(codecs[at].PayloadType)
		}
	}
	if len(p.types) == 0 {
		return webrtc.RTPCodecParameters{}, fmt.Errorf("neither VP8 nor H.264: %w", webrtc.ErrUnsupportedCodec)
	}
	return codecs[0], nil
}

// Unbind ends writing.
func (p *pictures) Unbind(webrtc.TrackLocalContext) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writer = nil
	return nil
}

// WriteRTP sends a packet, unless the listener cannot decode it.
func (p *pictures) WriteRTP(pkt *rtp.Packet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	payloadType, ok := p.types[pkt.PayloadType]
	if p.writer == nil || !ok {
		return nil
	}
	header := pkt.Header
	header.PayloadType, header.SSRC = payloadType, uint32(p.ssrc)
	_, err := p.writer.WriteRTP(&header, pkt.Payload)
	return err
}
