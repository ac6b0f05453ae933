package signaling

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The DTLS roles of a join payload and an answer.
const (
	SetupActive  = "active"
	SetupPassive = "passive"
)

// Priority is the one priority that production gives to every candidate.
const Priority = 2130706431

const (
	// unroutable is in the documentation prefix of RFC 3849, spelled the unabridged way
	// production spells.
	unroutable = "2001:db8:4e8:f004:0:0:0:1f"

	uriAudioLevel       = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	uriAbsSendTime      = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	uriTransportCC      = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriVideoOrientation = "urn:3gpp:video-orientation"
)

// The answer, in the shape and the order of production's.
type answer struct {
	Transport answerTransport `json:"transport"`
	Audio     *answerMedia    `json:"audio,omitempty"`
	Video     *answerVideo    `json:"video,omitempty"`
}

type answerTransport struct {
	Candidates   []answerCandidate   `json:"candidates"`
	XMLNS        string              `json:"xmlns,omitempty"`
	Ufrag        string              `json:"ufrag"`
	RTCPMux      bool                `json:"rtcp-mux,omitempty"`
	Pwd          string              `json:"pwd"`
	Fingerprints []answerFingerprint `json:"fingerprints"`
}

// answerCandidate has nothing but strings: production sends its numbers so.
type answerCandidate struct {
	Generation string `json:"generation"`
	Component  string `json:"component"`
	Protocol   string `json:"protocol"`
	Port       string `json:"port"`
	IP         string `json:"ip"`
	Foundation string `json:"foundation"`
	ID         string `json:"id"`
	Priority   string `json:"priority"`
	Type       string `json:"type"`
	Network    string `json:"network"`
}

type answerFingerprint struct {
	Fingerprint string `json:"fingerprint"`
	Setup       string `json:"setup"`
	Hash        string `json:"hash"`
}

type answerMedia struct {
	PayloadTypes []answerPayloadType `json:"payload-types"`
	Extensions   []answerExtension   `json:"rtp-hdrexts"`
}

type answerVideo struct {
	Endpoint      string  `json:"endpoint"`
	ServerSources []int32 `json:"server_sources"`
	answerMedia
}

type answerPayloadType struct {
	ID         int              `json:"id"`
	Name       string           `json:"name"`
	ClockRate  int              `json:"clockrate"`
	Channels   int              `json:"channels,omitempty"`
	Parameters any              `json:"parameters,omitempty"`
	Feedback   []answerFeedback `json:"rtcp-fbs,omitempty"`
}

type answerFeedback struct {
	Type string `json:"type"`
}

type answerExtension struct {
	ID  int    `json:"id"`
	URI string `json:"uri"`
}

// Answer describes the server's side of a connection.
type Answer struct {
	Ufrag, Pwd   string
	Fingerprint  string
	Setup        string // active or passive
	IP           string
	Port         int
	CandidateIDs [2]string
	Endpoint     string // names the participant's video
	Sources      []int32
	Video        bool // with a video section

	// What is left out, and what is wrong: see the server's options.
	OmitAudio, OmitH264, OmitRTCPMux, OmitXMLNS, UnroutableIPv6, NoCandidates bool
}

// Encode returns the answer of phone.joinGroupCall.
func (f Answer) Encode() (string, error) {
	a := answer{Transport: f.transport()}
	if !f.OmitAudio {
		a.Audio = audioAnswer()
	}
	if f.Video {
		a.Video = videoAnswer(f)
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode answer: %w", err)
	}
	return string(raw), nil
}

func (f Answer) transport() answerTransport {
	t := answerTransport{
		Ufrag: f.Ufrag,
		Pwd:   f.Pwd,
		Fingerprints: []answerFingerprint{
			{Fingerprint: f.Fingerprint, Setup: f.Setup, Hash: "sha-256"},
		},
		RTCPMux: !f.OmitRTCPMux,
	}
	if !f.OmitXMLNS {
		t.XMLNS = "urn:xmpp:jingle:transports:ice-udp:1"
	}
	ips := []string{f.IP}
	if f.UnroutableIPv6 {
		ips = []string{unroutable, f.IP}
	}
	if f.NoCandidates {
		ips = nil
		t.Candidates = []answerCandidate{}
	}
	for i, ip := range ips {
		t.Candidates = append(t.Candidates, answerCandidate{
			Generation: "0",
			Component:  "1",
			Protocol:   "udp",
			Port:       strconv.Itoa(f.Port),
			IP:         ip,
			Foundation: strconv.Itoa(i + 1),
			ID:         f.CandidateIDs[i],
			Priority:   strconv.Itoa(Priority),
			Type:       "host",
			Network:    "0",
		})
	}
	return t
}

func audioAnswer() *answerMedia {
	return &answerMedia{
		PayloadTypes: []answerPayloadType{
			{
				ID: 111, Name: "opus", ClockRate: 48000, Channels: 2,
				Parameters: map[string]any{"minptime": 10, "useinbandfec": 1},
				Feedback:   []answerFeedback{{"transport-cc"}},
			},
			{ID: 126, Name: "telephone-event", ClockRate: 8000, Channels: 1},
		},
		Extensions: []answerExtension{{1, uriAudioLevel}, {2, uriAbsSendTime}, {3, uriTransportCC}},
	}
}

// videoAnswer keeps production's oddities: a clock rate of 9000, channels on video, a
// nested hint, and parameters that are sometimes an empty array.
func videoAnswer(f Answer) *answerVideo {
	const clock = 9000
	feedback := []answerFeedback{{"goog-remb"}, {"transport-cc"}, {"ccm fir"}, {"nack"}, {"nack pli"}}
	hint := map[string]any{"fmtp": map[string]any{"x-google-start-bitrate": 800}}
	rtx := func(id int) answerPayloadType {
		return answerPayloadType{
			ID: id, Name: "rtx", ClockRate: clock, Channels: 1, Parameters: map[string]any{"apt": id - 1},
		}
	}
	codec := func(id int, name string, parameters any) answerPayloadType {
		return answerPayloadType{
			ID: id, Name: name, ClockRate: clock, Channels: 1, Parameters: parameters, Feedback: feedback,
		}
	}
	codecs := []answerPayloadType{
		codec(100, "VP8", hint), rtx(101),
		codec(102, "VP9", []any{}), rtx(103),
	}
	if !f.OmitH264 {
		codecs = append(codecs, codec(104, "H264", map[string]any{}), rtx(105))
	}
	return &answerVideo{
		Endpoint:      f.Endpoint,
		ServerSources: f.Sources,
		answerMedia: answerMedia{
			PayloadTypes: codecs,
			Extensions:   []answerExtension{{2, uriAbsSendTime}, {3, uriTransportCC}, {13, uriVideoOrientation}},
		},
	}
}
