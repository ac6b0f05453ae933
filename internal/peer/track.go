package peer

import (
	"fmt"

	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/internal/wire"
)

// localTrack makes a [wire.Sender] a [webrtc.TrackLocal].
type localTrack struct {
	sender *wire.Sender
	kind   webrtc.RTPCodecType
	mime   string // the codec that every server takes
}

// tracks returns what the connection sends.
func (c *Conn) tracks() []localTrack {
	return []localTrack{
		{c.audio, webrtc.RTPCodecTypeAudio, webrtc.MimeTypeOpus},
		{c.video, webrtc.RTPCodecTypeVideo, webrtc.MimeTypeVP8},
	}
}

// ID returns "audio" or "video".
func (t localTrack) ID() string { return t.kind.String() }

// RID is empty: there is one encoding.
func (t localTrack) RID() string { return "" }

// StreamID is the same for both tracks: players synchronise them.
func (t localTrack) StreamID() string { return cname }

// Kind returns audio or video.
func (t localTrack) Kind() webrtc.RTPCodecType { return t.kind }

// Bind gives the sender the negotiated payload types and the writer. Pictures may be
// VP8, which is returned, or H.264.
func (t localTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	var first webrtc.RTPCodecParameters
	for _, codec := range ctx.CodecParameters() {
		payloadType, rtx := uint8(codec.PayloadType), rtxPayloadType(codec.PayloadType, ctx.CodecParameters())
		switch codec.MimeType {
		case t.mime:
			t.sender.Bind(ctx.WriteStream(), payloadType, rtx)
			first = codec
		case webrtc.MimeTypeH264:
			t.sender.BindH264(payloadType, rtx)
		}
	}
	if first.PayloadType == 0 {
		return first, fmt.Errorf("%s: %w", t.mime, webrtc.ErrUnsupportedCodec)
	}
	return first, nil
}

// Unbind takes the writer away from the sender.
func (t localTrack) Unbind(webrtc.TrackLocalContext) error {
	t.sender.Unbind()
	return nil
}

// rtxPayloadType returns the payload type that retransmits another one.
func rtxPayloadType(of webrtc.PayloadType, codecs []webrtc.RTPCodecParameters) uint8 {
	for _, c := range codecs {
		if c.MimeType == webrtc.MimeTypeRTX && c.SDPFmtpLine == apt(uint8(of)) {
			return uint8(c.PayloadType)
		}
	}
	return uint8(of + 1)
}
