package sfu

import (
	"encoding/json"
	"fmt"
	"strconv"
)

const (
	setupActive  = "active"
	setupPassive = "passive"

	// answerPriority is the one priority that production gives to every candidate.
	answerPriority = 2130706431
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

// answerFacts is what differs from one answer to the next.
type answerFacts struct {
	identity      identity
	ip            string
	port          int
	candidateIDs  [2]string
	setup         string
	video         bool
	endpoint      string
	serverSources []int32
}

func encodeAnswer(cfg Config, f answerFacts) (string, error) {
	a := answer{Transport: transportAnswer(cfg, f)}
	if !cfg.OmitAudio {
		a.Audio = audioAnswer()
	}
	if f.video {
		a.Video = videoAnswer(f)
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode answer: %w", err)
	}
	return string(raw), nil
}

func transportAnswer(cfg Config, f answerFacts) answerTransport {
	t := answerTransport{
		Ufrag: f.identity.ufrag,
		Pwd:   f.identity.pwd,
		Fingerprints: []answerFingerprint{
			{Fingerprint: f.identity.announced, Setup: f.setup, Hash: "sha-256"},
		},
		RTCPMux: !cfg.OmitRTCPMux,
	}
	if !cfg.OmitXMLNS {
		t.XMLNS = "urn:xmpp:jingle:transports:ice-udp:1"
	}
	ips := []string{f.ip}
	if cfg.UnroutableIPv6 {
		ips = []string{unroutable, f.ip}
	}
	if cfg.NoCandidates {
		ips = nil
		t.Candidates = []answerCandidate{}
	}
	for i, ip := range ips {
		t.Candidates = append(t.Candidates, answerCandidate{
			Generation: "0",
			Component:  "1",
			Protocol:   "udp",
			Port:       strconv.Itoa(f.port),
			IP:         ip,
			Foundation: strconv.Itoa(i + 1),
			ID:         f.candidateIDs[i],
			Priority:   strconv.Itoa(answerPriority),
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
func videoAnswer(f answerFacts) *answerVideo {
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
	return &answerVideo{
		Endpoint:      f.endpoint,
		ServerSources: f.serverSources,
		answerMedia: answerMedia{
			PayloadTypes: []answerPayloadType{
				codec(100, "VP8", hint), rtx(101),
				codec(102, "VP9", []any{}), rtx(103),
				codec(104, "H264", map[string]any{}), rtx(105),
			},
			Extensions: []answerExtension{{2, uriAbsSendTime}, {3, uriTransportCC}, {13, uriVideoOrientation}},
		},
	}
}
