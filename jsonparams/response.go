package jsonparams

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// Limits on an answer. Telegram's have two candidates and are about 2 KiB.
const (
	maxResponseBytes = 256 << 10
	maxCandidates    = 32
)

// Response is a checked answer to a join.
type Response struct {
	Transport Transport
	// Opus, VP8 and RTX are the payload types to send: PayloadTypeOpus,
	// PayloadTypeVP8 and PayloadTypeRTX unless the answer lists the codec under
	// another id. They differ from each other.
	Opus, VP8, RTX uint8
	// H264 and H264RTX are those of H.264 and its retransmissions, which differ from the
	// others too. Both are 0 unless the answer lists H264: not every server takes it.
	H264, H264RTX uint8
}

// Transport is the server's addresses and its identity.
type Transport struct {
	// Ufrag and Pwd are the server's ICE credentials.
	Ufrag, Pwd string
	// Fingerprint is the SHA-256 of the server's DTLS certificate, as in [Join].
	Fingerprint string
	// Passive reports that the server waits for our ClientHello. Otherwise it
	// sends one, in answer to our own "passive".
	Passive bool
	// Candidates are UDP addresses: at least one, at most 32.
	Candidates []Candidate
}

// Candidate is one address of the server (RFC 8839 section 5.1).
type Candidate struct {
	Foundation string
	Component  uint16
	Priority   uint32
	Addr       netip.AddrPort
	// Type is "host", "srflx", "prflx" or "relay".
	Type string
}

// text accepts a JSON string or number: production sends every candidate field
// as a string, other servers do not.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("neither a string nor a number: %w", err)
	}
	*t = text(n)
	return nil
}

type (
	responseWire struct {
		Stream    *bool          `json:"stream"`
		RTMP      *bool          `json:"rtmp"`
		Error     string         `json:"error"`
		Transport *transportWire `json:"transport"`
		Audio     codecsWire     `json:"audio"`
		Video     codecsWire     `json:"video"`
	}
	transportWire struct {
		Ufrag        string            `json:"ufrag"`
		Pwd          string            `json:"pwd"`
		Fingerprints []fingerprintWire `json:"fingerprints"`
		Candidates   []json.RawMessage `json:"candidates"`
	}
	candidateWire struct {
		IP         string `json:"ip"`
		Port       text   `json:"port"`
		Protocol   text   `json:"protocol"`
		Foundation text   `json:"foundation"`
		Component  text   `json:"component"`
		Priority   text   `json:"priority"`
		Type       text   `json:"type"`
	}
	// Of a codec only id, name and apt can be trusted: production lists a
	// clock rate of 9000 for video and [] where parameters are an object.
	codecsWire struct {
		PayloadTypes []struct {
			ID         text            `json:"id"`
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"payload-types"`
	}
)

// Decode reads the answer to a join. Its errors wrap [models.ErrInvalidParams], or
// [models.ErrUnsupportedCallMode] for a call without a WebRTC transport. Unknown
// keys are ignored, and so are candidates that cannot be read, unless all are.
func Decode(answer string) (*Response, error) {
	if len(answer) > maxResponseBytes {
		return nil, fmt.Errorf("join answer: %w: %d bytes", models.ErrInvalidParams, len(answer))
	}
	var w responseWire
	if err := json.Unmarshal([]byte(answer), &w); err != nil {
		return nil, fmt.Errorf("join answer: %w: %w", models.ErrInvalidParams, err)
	}
	switch {
	case isTrue(w.Stream) && isTrue(w.RTMP):
		return nil, fmt.Errorf("join answer: %w: the call is an RTMP stream, publish with StartRTMP", models.ErrUnsupportedCallMode)
	case isTrue(w.Stream):
		return nil, fmt.Errorf("join answer: %w: the call is a broadcast, this account can only watch it", models.ErrUnsupportedCallMode)
	case w.Error != "":
		return nil, fmt.Errorf("join answer: %w: the server says %q", models.ErrInvalidParams, w.Error)
	case w.Transport == nil:
		return nil, fmt.Errorf("join answer: %w: no transport", models.ErrInvalidParams)
	}
	t, err := w.Transport.decode()
	if err != nil {
		return nil, fmt.Errorf("join answer: %w: %w", models.ErrInvalidParams, err)
	}
	r := &Response{Transport: t, Opus: w.Audio.find("opus", PayloadTypeOpus), VP8: w.Video.find("vp8", PayloadTypeVP8)}
	r.RTX = w.Video.findRTX(r.VP8)
	if r.Opus == r.VP8 || r.Opus == r.RTX || r.VP8 == r.RTX {
		r.Opus, r.VP8, r.RTX = PayloadTypeOpus, PayloadTypeVP8, PayloadTypeRTX
	}
	r.H264, r.H264RTX = w.Video.findH264(r.Opus, r.VP8, r.RTX)
	return r, nil
}

// isTrue reports whether a key is present and true.
func isTrue(b *bool) bool { return b != nil && *b }

// decode returns the transport, each field checked.
func (w *transportWire) decode() (Transport, error) {
	t := Transport{Ufrag: w.Ufrag, Pwd: w.Pwd}
	if !isICEString(w.Ufrag, 1) {
		return t, fmt.Errorf("transport.ufrag %q", w.Ufrag)
	}
	if !isICEString(w.Pwd, 22) { // RFC 8839 section 5.4
		return t, fmt.Errorf("transport.pwd of %d characters", len(w.Pwd))
	}
	found := false
	for _, f := range w.Fingerprints {
		if !strings.EqualFold(f.Hash, "sha-256") {
			continue
		}
		if !isFingerprint(f.Fingerprint) {
			return t, fmt.Errorf("transport.fingerprints: %q", f.Fingerprint)
		}
		t.Fingerprint, t.Passive, found = strings.ToUpper(f.Fingerprint), f.Setup == "passive", true
		break
	}
	if !found {
		return t, fmt.Errorf("transport.fingerprints: no sha-256")
	}
	var err error
	t.Candidates, err = w.usable()
	return t, err
}

// usable returns the UDP candidates that can be read, at most maxCandidates. Others
// are left out, as any one of them leads to the server. If none can be read, the
// error describes what is wrong with the first.
func (w *transportWire) usable() ([]Candidate, error) {
	var usable []Candidate
	var first error
	for i, raw := range w.Candidates {
		var c candidateWire
		err := json.Unmarshal(raw, &c)
		if err == nil {
			if proto := strings.ToLower(string(c.Protocol)); proto != "" && proto != "udp" {
				continue
			}
			var cand Candidate
			if cand, err = c.decode(i); err == nil {
				if usable = append(usable, cand); len(usable) == maxCandidates {
					break
				}
				continue
			}
		}
		if first == nil {
			first = fmt.Errorf("transport.candidates[%d]: %w", i, err)
		}
	}
	switch {
	case len(usable) > 0:
		return usable, nil
	case first != nil:
		return nil, first
	}
	return nil, fmt.Errorf("transport.candidates: none of udp")
}

// decode returns a candidate with defaults for the fields that Telegram's clients do
// not require either.
func (w candidateWire) decode(index int) (Candidate, error) {
	c := Candidate{Foundation: string(w.Foundation), Component: 1, Priority: 2130706431, Type: "host"}
	ip, err := netip.ParseAddr(w.IP)
	if err != nil || ip.Zone() != "" {
		return c, fmt.Errorf("ip %q", w.IP)
	}
	port, err := strconv.ParseUint(string(w.Port), 10, 16)
	if err != nil || port == 0 {
		return c, fmt.Errorf("port %q", w.Port)
	}
	c.Addr = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	if w.Component != "" {
		n, err := strconv.ParseUint(string(w.Component), 10, 9)
		if err != nil {
			return c, fmt.Errorf("component %q", w.Component)
		}
		c.Component = uint16(n)
	}
	if w.Priority != "" {
		n, err := strconv.ParseUint(string(w.Priority), 10, 32)
		if err != nil {
			return c, fmt.Errorf("priority %q", w.Priority)
		}
		c.Priority = uint32(n)
	}
	switch w.Type {
	case "", "host", "local": // "local" is host in old answers
	case "srflx", "prflx", "relay":
		c.Type = string(w.Type)
	default:
		return c, fmt.Errorf("type %q", w.Type)
	}
	if !isICEString(c.Foundation, 1) || len(c.Foundation) > 32 {
		c.Foundation = strconv.Itoa(index + 1)
	}
	return c, nil
}

// find returns the payload type of a codec in the answer, or else fallback.
func (w codecsWire) find(name string, fallback uint8) uint8 {
	for _, p := range w.PayloadTypes {
		if id, ok := p.ID.dynamicPayloadType(); ok && strings.EqualFold(p.Name, name) {
			return id
		}
	}
	return fallback
}

// findH264 returns the payload types of H.264, or zeros if it is not listed or has to
// share one with another codec.
func (w codecsWire) findH264(others ...uint8) (h264, rtx uint8) {
	h264 = w.find("h264", 0)
	rtx = w.findRTX(h264)
	if h264 == 0 || rtx == h264 || slices.Contains(others, h264) || slices.Contains(others, rtx) {
		return 0, 0
	}
	return h264, rtx
}

// findRTX returns the payload type of the rtx codec whose apt is the given payload
// type, or else the next one, as in the table of the join payload.
func (w codecsWire) findRTX(apt uint8) uint8 {
	for _, p := range w.PayloadTypes {
		var params struct {
			APT text `json:"apt"`
		}
		id, ok := p.ID.dynamicPayloadType()
		if !ok || !strings.EqualFold(p.Name, "rtx") || json.Unmarshal(p.Parameters, &params) != nil {
			continue
		}
		if string(params.APT) == strconv.Itoa(int(apt)) {
			return id
		}
	}
	return min(apt+1, 127)
}

// dynamicPayloadType reads a payload type of the dynamic range (RFC 3551
// section 6), the only one codecs without a static number may use.
func (t text) dynamicPayloadType() (uint8, bool) {
	id, err := strconv.ParseUint(string(t), 10, 7)
	return uint8(id), err == nil && id >= 96
}

// isICEString reports whether s is printable ASCII without blanks, which real servers
// use. RFC 8839 allows fewer characters; what matters is that none ends an SDP line
// or field.
func isICEString(s string, minLen int) bool {
	if len(s) < minLen || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isFingerprint reports whether s has the form of a SHA-256 fingerprint.
func isFingerprint(s string) bool {
	if len(s) != 95 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != ':' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}
