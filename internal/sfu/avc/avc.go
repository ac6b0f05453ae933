// Package avc reads the payload structures of H.264 in RTP (RFC 6184).
package avc

import (
	"errors"
	"fmt"
)

// The types of payloads and of NAL units that matter here.
const (
	idr, sps    = 5, 7
	lastUnit    = 23
	aggregation = 24 // STAP-A
	fragment    = 28 // FU-A

	forbiddenBit, typeMask, startBit, endBit = 0x80, 0x1f, 0x80, 0x40
)

// Payload describes an RTP payload.
type Payload struct {
	// Key is true of a payload that begins a key frame: with its parameters, or with its first
	// slice.
	Key bool
	// Fragment is true of a part of a unit; Starts and Ends of the first and the last.
	// A whole unit both starts and ends.
	Fragment, Starts, Ends bool
}

// Parse reads a payload in packetization mode 1.
func Parse(payload []byte) (Payload, error) {
	if len(payload) == 0 {
		return Payload{}, errors.New("empty")
	}
	if payload[0]&forbiddenBit != 0 {
		return Payload{}, errors.New("the forbidden bit is set")
	}
	switch kind := payload[0] & typeMask; {
	case kind >= 1 && kind <= lastUnit:
		return Payload{Key: kind == idr || kind == sps, Starts: true, Ends: true}, nil
	case kind == aggregation:
		return aggregate(payload[1:])
	case kind == fragment:
		if len(payload) < 3 {
			return Payload{}, errors.New("a fragment of nothing")
		}
		p := Payload{Fragment: true, Starts: payload[1]&startBit != 0, Ends: payload[1]&endBit != 0}
		if p.Starts && p.Ends {
			return Payload{}, errors.New("a fragment that is a whole unit")
		}
		p.Key = p.Starts && payload[1]&typeMask == idr
		return p, nil
	default:
		return Payload{}, fmt.Errorf("type %d is none of packetization mode 1", kind)
	}
}

// aggregate reads the units of a STAP-A.
func aggregate(b []byte) (Payload, error) {
	p := Payload{Starts: true, Ends: true}
	if len(b) == 0 {
		return Payload{}, errors.New("an aggregate of nothing")
	}
	for len(b) > 0 {
		if len(b) < 3 {
			return Payload{}, errors.New("an aggregate that is cut off")
		}
		size := int(b[0])<<8 | int(b[1])
		if size == 0 || size > len(b)-2 {
			return Payload{}, fmt.Errorf("a unit of %d bytes in an aggregate with %d left", size, len(b)-2)
		}
		kind := b[2] & typeMask
		p.Key = p.Key || kind == idr || kind == sps
		b = b[2+size:]
	}
	return p, nil
}
