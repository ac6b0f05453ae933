package signaling

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// The errors of phone.joinGroupCall.
const (
	codeTooMany   = "GROUPCALL_PARTICIPANTS_TOO_MUCH"
	codeInvalid   = "DATA_JSON_INVALID"
	codeDuplicate = "GROUPCALL_SSRC_DUPLICATE_MUCH"
)

// JoinError is a refused join.
type JoinError struct {
	// Code is Telegram's name for the error.
	Code string
	// Detail says what is wrong; Telegram keeps that to itself.
	Detail string
}

// Error gives code and detail.
func (e *JoinError) Error() string { return e.Code + ": " + e.Detail }

// TooMany returns the refusal of one participant more than a call takes.
func TooMany(participants int) error {
	return &JoinError{Code: codeTooMany, Detail: fmt.Sprint(participants)}
}

func invalid(format string, args ...any) error {
	return &JoinError{Code: codeInvalid, Detail: fmt.Sprintf(format, args...)}
}

// Duplicate returns the refusal of an SSRC that is taken.
func Duplicate(format string, args ...any) error {
	return &JoinError{Code: codeDuplicate, Detail: fmt.Sprintf(format, args...)}
}

// Request is a join payload that passed every check.
type Request struct {
	Audio       uint32  // SSRC
	Layers      []Layer // lowest resolution first; empty: no video
	Ufrag, Pwd  string
	Fingerprint string
	Setup       string // active or passive
}

// Layer is one resolution of video.
type Layer struct{ Media, RTX uint32 } // SSRCs

// SSRCs returns all that the client declared.
func (r *Request) SSRCs() []uint32 {
	all := []uint32{r.Audio}
	for _, l := range r.Layers {
		all = append(all, l.Media, l.RTX)
	}
	return all
}

// Telegram's own clients draw 4 and 24 characters; RFC 8839 §5.4 sets the bounds.
const (
	minUfrag, maxUfrag = 4, 256
	minPwd, maxPwd     = 22, 256
	// maxPayload is far above any real payload (about 1 kB).
	maxPayload = 1 << 16
	// maxLayers is what a camera of Telegram's own clients sends.
	maxLayers = 3
)

var (
	fingerprintForm = regexp.MustCompile(`^[0-9A-F]{2}(:[0-9A-F]{2}){31}$`)
	iceCharsForm    = regexp.MustCompile(`^[A-Za-z0-9+/]+$`)
)

// Decode reads a join payload. With simOnly video is a SIM group or nothing. The error
// is a *[JoinError]. Keys it does not know are accepted, as in
// production; names are matched to the letter, which encoding/json does not do for
// structs.
func Decode(payload string, simOnly bool) (*Request, error) {
	if len(payload) > maxPayload {
		return nil, invalid("payload of %d bytes", len(payload))
	}
	keys, err := decodeObject("payload", []byte(payload))
	if err != nil {
		return nil, err
	}
	req := &Request{}
	if req.Audio, err = decodeAudioSSRC(keys["ssrc"]); err != nil {
		return nil, err
	}
	if req.Ufrag, err = decodeICEString("ufrag", keys["ufrag"], minUfrag, maxUfrag); err != nil {
		return nil, err
	}
	if req.Pwd, err = decodeICEString("pwd", keys["pwd"], minPwd, maxPwd); err != nil {
		return nil, err
	}
	if err = req.decodeFingerprints(keys["fingerprints"]); err != nil {
		return nil, err
	}
	if err = req.decodeGroups(keys["ssrc-groups"], simOnly); err != nil {
		return nil, err
	}
	return req, nil
}

func decodeObject(what string, raw []byte) (map[string]json.RawMessage, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, invalid("%s: %v", what, err)
	}
	if keys == nil {
		return nil, invalid("%s is not an object", what)
	}
	return keys, nil
}

// decodeAudioSSRC refuses 0 the way production does: that error is what clients see who
// forgot the key.
func decodeAudioSSRC(raw json.RawMessage) (uint32, error) {
	if raw == nil {
		return 0, Duplicate("ssrc is missing")
	}
	ssrc, err := decodeSSRC("ssrc", raw)
	if err != nil {
		return 0, err
	}
	if ssrc == 0 {
		return 0, Duplicate("ssrc is 0")
	}
	return ssrc, nil
}

// decodeSSRC takes a signed 32-bit number only: an unsigned value above 2147483647 is
// refused.
func decodeSSRC(what string, raw json.RawMessage) (uint32, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, invalid("%s is %s, not an integer", what, raw)
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, invalid("%s is %d, beyond a signed int32", what, n)
	}
	return uint32(int32(n)), nil
}

func decodeString(what string, raw json.RawMessage) (string, error) {
	if raw == nil {
		return "", invalid("%s is missing", what)
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", invalid("%s is %s, not a string", what, raw)
	}
	return *s, nil
}

func decodeICEString(what string, raw json.RawMessage, shortest, longest int) (string, error) {
	s, err := decodeString(what, raw)
	if err != nil {
		return "", err
	}
	if len(s) < shortest || len(s) > longest {
		return "", invalid("%s has %d characters, not %d to %d", what, len(s), shortest, longest)
	}
	if !iceCharsForm.MatchString(s) {
		return "", invalid("%s %q has characters RFC 8839 does not allow", what, s)
	}
	return s, nil
}

func decodeArray(what string, raw json.RawMessage) ([]json.RawMessage, error) {
	var list *[]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, invalid("%s is not an array", what)
	}
	return *list, nil
}

func (r *Request) decodeFingerprints(raw json.RawMessage) error {
	if raw == nil {
		return invalid("fingerprints is missing")
	}
	list, err := decodeArray("fingerprints", raw)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return invalid("%d fingerprints, not one", len(list))
	}
	keys, err := decodeObject("fingerprints[0]", list[0])
	if err != nil {
		return err
	}
	hash, err := decodeString("fingerprints[0].hash", keys["hash"])
	if err != nil {
		return err
	}
	if hash != "sha-256" {
		return invalid("fingerprints[0].hash is %q, not sha-256", hash)
	}
	if r.Fingerprint, err = decodeString("fingerprints[0].fingerprint", keys["fingerprint"]); err != nil {
		return err
	}
	if !fingerprintForm.MatchString(r.Fingerprint) {
		return invalid("fingerprints[0].fingerprint %q is not 32 upper-case octets", r.Fingerprint)
	}
	if r.Setup, err = decodeString("fingerprints[0].setup", keys["setup"]); err != nil {
		return err
	}
	if r.Setup != SetupActive && r.Setup != SetupPassive {
		return invalid("fingerprints[0].setup is %q, neither active nor passive", r.Setup)
	}
	return nil
}
