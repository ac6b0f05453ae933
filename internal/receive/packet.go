package receive

import (
	"encoding/binary"
	"errors"
)

// errPacket is returned for a packet that is no RTP.
var errPacket = errors.New("malformed RTP packet")

// packet is an RTP packet (RFC 3550 section 5.1).
type packet struct {
	payloadType byte
	sequence    uint16
	time        uint32
	ssrc        uint32
	level       int // RFC 6464; -1: the sender does not say
	voice       bool
	payload     []byte // a part of what was parsed
}

// parse reads a packet without allocating. levelID is the number of the header extension
// for the audio level.
func parse(b []byte, levelID byte) (p packet, err error) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return p, errPacket
	}
	p = packet{
		payloadType: b[1] & 0x7F,
		sequence:    binary.BigEndian.Uint16(b[2:]),
		time:        binary.BigEndian.Uint32(b[4:]),
		ssrc:        binary.BigEndian.Uint32(b[8:]),
		level:       -1,
	}
	at := 12 + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return p, errPacket
		}
		profile, words := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if at += 4; len(b) < at+4*words {
			return p, errPacket
		}
		p.extensions(profile, b[at:at+4*words], levelID)
		at += 4 * words
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		padding := int(b[end-1])
		if padding == 0 {
			return p, errPacket
		}
		end -= padding
	}
	if at > end {
		return p, errPacket
	}
	p.payload = b[at:end]
	return p, nil
}

// extensions reads header extensions in either form (RFC 8285 sections 4.2 and 4.3).
func (p *packet) extensions(profile uint16, b []byte, levelID byte) {
	short := profile == 0xBEDE
	if !short && profile>>4 != 0x100 {
		return
	}
	for len(b) > 0 {
		id, length, header := b[0]>>4, int(b[0]&0x0F)+1, 1
		if !short {
			if id, header = b[0], 2; id != 0 && len(b) < 2 {
				return
			}
			if id != 0 {
				length = int(b[1])
			}
		}
		switch {
		case b[0] == 0: // padding
			b = b[1:]
			continue
		case short && id == 15, len(b) < header+length:
			return
		case id == levelID && length > 0:
			p.level, p.voice = int(b[header]&0x7F), b[header]&0x80 != 0
		}
		b = b[header+length:]
	}
}
