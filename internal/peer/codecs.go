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

// registerCodecs pins the payload types of the answer. Only feedback that we act
// on is registered. Header extensions are not: [wire.Sender] writes them, and
// registering mid would make pion probe every foreign stream for simulcast.
func registerCodecs(m *webrtc.MediaEngine, r *jsonparams.Response) error {
	video := []webrtc.RTCPFeedback{{Type: "transport-cc"}, {Type: "nack"}}
	codecs := []struct {
		kind  webrtc.RTPCodecType
		codec webrtc.RTPCodecParameters
	}{
		{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(r.Opus),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
				SDPFmtpLine:  "minptime=10;useinbandfec=1",
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
			},
		}},
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			PayloadType:        webrtc.PayloadType(r.VP8),
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: video},
		}},
		{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(r.RTX),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", r.VP8),
			},
		}},
	}
	for _, c := range codecs {
		if err := m.RegisterCodec(c.codec, c.kind); err != nil {
			return fmt.Errorf("register %s: %w", c.codec.MimeType, err)
		}
	}
	return nil
}
