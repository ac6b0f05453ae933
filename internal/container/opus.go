package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// maxOpusPacket bounds a packet: 120 ms is at most 48 frames of 1275 bytes with
// their lengths (RFC 6716 section 3.2).
const maxOpusPacket = 64 << 10

// maxOpusDuration is the longest packet (RFC 6716 section 3.2.5, R5).
const maxOpusDuration = 120 * time.Millisecond

var errOpusPacket = errors.New("malformed Opus packet")

// opusDuration reports how long an Opus packet lasts (RFC 6716 section 3.1).
func opusDuration(packet []byte) (time.Duration, error) {
	if len(packet) == 0 {
		return 0, errOpusPacket
	}
	config := packet[0] >> 3
	var frame time.Duration
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [4]time.Duration{10, 20, 40, 60}[config%4] * time.Millisecond
	case config < 16: // hybrid: 10, 20 ms
		frame = [2]time.Duration{10, 20}[config%2] * time.Millisecond
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 2500 * time.Microsecond << (config % 4)
	}
	frames := time.Duration(1)
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 || packet[1]&0x3F == 0 {
			return 0, errOpusPacket
		}
		frames = time.Duration(packet[1] & 0x3F)
	}
	if frame*frames > maxOpusDuration {
		return 0, errOpusPacket
	}
	return frame * frames, nil
}

// OpusHead is what an identification header says (RFC 7845 section 5.1).
type OpusHead struct {
	Channels int
	PreSkip  time.Duration // what a decoder leaves out at the beginning
	Gain     int           // what it applies, in dB/256; RTP has no place for it
}

// parseOpusHead reads an identification header: RTP carries one Opus stream of one or two
// channels, and nothing else.
func parseOpusHead(head []byte) (h OpusHead, err error) {
	const mappingFamily = 18
	if len(head) <= mappingFamily || string(head[:8]) != "OpusHead" {
		return h, errors.New("malformed Opus header")
	}
	if channels := head[9]; channels < 1 || channels > 2 || head[mappingFamily] != 0 {
		return h, errors.New("audio is surround: want one or two channels (-ac 2)")
	}
	return OpusHead{
		Channels: int(head[9]),
		PreSkip:  samples(uint64(binary.LittleEndian.Uint16(head[10:]))),
		Gain:     int(int16(binary.LittleEndian.Uint16(head[16:]))),
	}, nil
}

// opusRate is the rate at which Opus counts samples, whatever it was made of.
const opusRate = 48000

// samples returns how long a number of samples of Opus lasts.
func samples(n uint64) time.Duration {
	return time.Duration(n/opusRate)*time.Second + time.Duration(n%opusRate)*time.Second/opusRate
}

// opusTags reads a comment header (RFC 7845 section 5.2), of which the end may be missing.
func opusTags(header []byte) (t Tags) {
	rest, ok := bytes.CutPrefix(header, []byte("OpusTags"))
	field := func() []byte {
		if len(rest) < 4 {
			rest = nil
			return nil
		}
		size := binary.LittleEndian.Uint32(rest)
		rest = rest[4:]
		body := rest[:min(int64(size), int64(len(rest)))]
		rest = rest[len(body):]
		return body
	}
	field() // the vendor
	if !ok || len(rest) < 4 {
		return t
	}
	rest = rest[4:] // the number of comments: there are as many as there are
	for len(rest) > 0 {
		name, value, found := bytes.Cut(field(), []byte("="))
		if found && len(name) <= maxName {
			t.set(string(name), value)
		}
	}
	return t
}
