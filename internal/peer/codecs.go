package peer

import (
	"fmt"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
)

// srtpProfiles are offered in this order: Telegram's clients and its test server
// take AES-GCM only, the others are for servers that lack it.
func srtpProfiles() []dtls.SRTPProtectionProfile {
	return []dtls.SRTPProtectionProfile{
		dtls.SRTP_AEAD_AES_256_GCM,
		dtls.SRTP_AEAD_AES_128_GCM,
		dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	}
}

// h264FMTP is what Telegram's clients negotiate: constrained baseline of level 3.1, which
// is 1280x720 at 30 a second, or any level that the sender likes (RFC 6184 section 8.1).
const h264FMTP = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

// apt are the parameters of a codec that retransmits another (RFC 4588 section 8.1).
func apt(of uint8) string { return fmt.Sprintf("apt=%d", of) }

// registerCodecs pins the payload types of the answer. Only feedback that we act
// on is registered. Header extensions are not: [wire.Sender] writes them, and
// registering mid would make pion probe every foreign stream for simulcast.
func registerCodecs(m *webrtc.MediaEngine, r *jsonparams.Response) error {
	video := []webrtc.RTCPFeedback{{Type: "transport-cc"}, {Type: "nack"}}
	type registered struct {
		kind  webrtc.RTPCodecType
		codec webrtc.RTPCodecParameters
	}
	picture := func(mime string, payloadType uint8, fmtp string, feedback []webrtc.RTCPFeedback) registered {
		return registered{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			PayloadType:        webrtc.PayloadType(payloadType),
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: feedback},
		}}
	}
	codecs := []registered{
		{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(r.Opus),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
				SDPFmtpLine:  "minptime=10;useinbandfec=1",
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
			},
		}},
		picture(webrtc.MimeTypeVP8, r.VP8, "", video),
		picture(webrtc.MimeTypeRTX, r.RTX, apt(r.VP8), nil),
	}
	if r.H264 != 0 {
		codecs = append(codecs,
			picture(webrtc.MimeTypeH264, r.H264, h264FMTP, video),
			picture(webrtc.MimeTypeRTX, r.H264RTX, apt(r.H264), nil))
	}
	for _, c := range codecs {
		if err := m.RegisterCodec(c.codec, c.kind); err != nil {
			return fmt.Errorf("register %s: %w", c.codec.MimeType, err)
		}
	}
	return nil
}
