package container

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"github.com/gotgcall/gotgcall/internal/opus"
)

// maxOpusPacket bounds a packet: 120 ms is at most 48 frames of 1275 bytes with
// their lengths (RFC 6716 section 3.2).
const maxOpusPacket = 64 << 10

var errOpusPacket = errors.New("malformed Opus packet")

// opusDuration returns how long an Opus packet lasts.
func opusDuration(packet []byte) (time.Duration, error) {
	d, ok := opus.Duration(packet)
	if !ok {
		return 0, errOpusPacket
	}
	return d, nil
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
