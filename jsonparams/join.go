package jsonparams

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/gotgcall/gotgcall/models"
)

// Payload types and header-extension ids are fixed by Telegram's clients: the server
// forwards RTP verbatim and reads extensions by id, so they are not negotiated.
const (
	PayloadTypeOpus = 111
	PayloadTypeVP8  = 100
	PayloadTypeRTX  = 101 // retransmissions of VP8 (RFC 4588)

	ExtAudioLevel    = 1 // RFC 6464
	ExtAbsSendTime   = 2 // 24 bits of 6.18 fixed-point seconds
	ExtTransportWide = 3 // draft-holmer-rmcat-transport-wide-cc-extensions-01
	ExtMID           = 4 // RFC 8843 section 15
)

// The URIs of the header extensions.
const (
	uriAudioLevel    = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	uriAbsSendTime   = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	uriTransportWide = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriMID           = "urn:ietf:params:rtp-hdrext:sdes:mid"
)

// Join describes a participant to Telegram before any connection exists. All fields
// but Layers are required; without Layers no video is announced.
type Join struct {
	// AudioSSRC identifies the participant: it is also the source of
	// phone.leaveGroupCall. In 1..2^31-1.
	AudioSSRC uint32
	// Layers are the simulcast layers of the camera, lowest resolution first.
	Layers []Layer
	// Ufrag and Pwd are the ICE credentials (RFC 8839 section 5.4).
	Ufrag, Pwd string
	// Fingerprint is the SHA-256 of the DTLS certificate: upper-case hex
	// octets between colons (RFC 8122 section 5).
	Fingerprint string
}

// Layer is the SSRCs of one video stream and of its retransmissions (RFC 4588),
// each in 1..2^31-1.
type Layer struct {
	SSRC, RTX uint32
}

// The …Wire types mirror the JSON: tags and nothing else.
type (
	joinWire struct {
		Fingerprints []fingerprintWire `json:"fingerprints"`
		Pwd          string            `json:"pwd"`
		SSRC         int32             `json:"ssrc"`
		SSRCGroups   []ssrcGroupWire   `json:"ssrc-groups"`
		Ufrag        string            `json:"ufrag"`
		PayloadTypes []payloadTypeWire `json:"payload-types"`
		HdrExts      []hdrExtWire      `json:"rtp-hdrexts"`
	}
	fingerprintWire struct {
		Hash        string `json:"hash"`
		Fingerprint string `json:"fingerprint"`
		Setup       string `json:"setup"`
	}
	ssrcGroupWire struct {
		Semantics string  `json:"semantics"`
		Sources   []int32 `json:"sources"`
	}
	payloadTypeWire struct {
		ID         int            `json:"id"`
		Name       string         `json:"name"`
		ClockRate  int            `json:"clockrate"`
		Channels   int            `json:"channels,omitempty"`
		Parameters map[string]int `json:"parameters,omitempty"`
		Feedback   []feedbackWire `json:"rtcp-fbs,omitempty"`
	}
	feedbackWire struct {
		Type string `json:"type"`
	}
	hdrExtWire struct {
		ID  int    `json:"id"`
		URI string `json:"uri"`
	}
)

// Encode returns the join payload. An SSRC that is zero or does not fit a signed
// 32-bit integer, which the server would misread, fails with
// [models.ErrInternal].
//
// We are the DTLS server ("passive"), as Telegram's own clients are. Besides
// the five keys those clients send there are payload-types and rtp-hdrexts,
// which the server accepts and ignores, because bots in the field inspect them.
func (j Join) Encode() (string, error) {
	ssrc, err := signed(j.AudioSSRC)
	if err != nil {
		return "", fmt.Errorf("audio: %w", err)
	}
	groups, err := ssrcGroups(j.Layers)
	if err != nil {
		return "", err
	}
	blob, err := json.Marshal(joinWire{
		Fingerprints: []fingerprintWire{{Hash: "sha-256", Fingerprint: j.Fingerprint, Setup: "passive"}},
		Pwd:          j.Pwd,
		SSRC:         ssrc,
		SSRCGroups:   groups,
		Ufrag:        j.Ufrag,
		PayloadTypes: legacyPayloadTypes(),
		HdrExts:      legacyHdrExts(),
	})
	if err != nil {
		return "", fmt.Errorf("join payload: %w: %w", models.ErrInternal, err)
	}
	return string(blob), nil
}

// ssrcGroups returns one SIM group of the layers, then one FID pair for each. It is
// never nil, so that the key is an array without video too.
func ssrcGroups(layers []Layer) ([]ssrcGroupWire, error) {
	groups := []ssrcGroupWire{}
	sim := ssrcGroupWire{Semantics: "SIM"}
	var fids []ssrcGroupWire
	for i, l := range layers {
		media, err := signed(l.SSRC)
		if err != nil {
			return nil, fmt.Errorf("video layer %d: %w", i, err)
		}
		rtx, err := signed(l.RTX)
		if err != nil {
			return nil, fmt.Errorf("rtx of video layer %d: %w", i, err)
		}
		sim.Sources = append(sim.Sources, media)
		fids = append(fids, ssrcGroupWire{Semantics: "FID", Sources: []int32{media, rtx}})
	}
	if len(fids) > 0 {
		groups = append(append(groups, sim), fids...)
	}
	return groups, nil
}

// signed returns an SSRC as the signed integer that Telegram expects.
func signed(ssrc uint32) (int32, error) {
	if ssrc == 0 || ssrc > math.MaxInt32 {
		return 0, fmt.Errorf("ssrc %d: %w: not in 1..2^31-1", ssrc, models.ErrInternal)
	}
	return int32(ssrc), nil
}

// legacyPayloadTypes returns the codecs that we send.
func legacyPayloadTypes() []payloadTypeWire {
	return []payloadTypeWire{
		{
			ID: PayloadTypeOpus, Name: "opus", ClockRate: 48000, Channels: 2,
			Parameters: map[string]int{"minptime": 10, "useinbandfec": 1},
			Feedback:   []feedbackWire{{"transport-cc"}},
		},
		{
			ID: PayloadTypeVP8, Name: "VP8", ClockRate: 90000,
			Feedback: []feedbackWire{{"transport-cc"}, {"ccm fir"}, {"nack"}, {"nack pli"}},
		},
		{
			ID: PayloadTypeRTX, Name: "rtx", ClockRate: 90000,
			Parameters: map[string]int{"apt": PayloadTypeVP8},
		},
	}
}

// legacyHdrExts returns the header extensions that we send.
func legacyHdrExts() []hdrExtWire {
	return []hdrExtWire{
		{ExtAudioLevel, uriAudioLevel},
		{ExtAbsSendTime, uriAbsSendTime},
		{ExtTransportWide, uriTransportWide},
		{ExtMID, uriMID},
	}
}
