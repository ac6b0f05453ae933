package h264

import "bytes"

// The types of NAL units (table 7-1).
const (
	Slice     = 1
	IDR       = 5 // a slice of a picture with which decoding can begin
	SEI       = 6
	SPS       = 7
	PPS       = 8
	Delimiter = 9
)

// Type returns that of a unit, or 0 if it is empty.
func Type(unit []byte) byte {
	if len(unit) == 0 {
		return 0
	}
	return unit[0] & 0x1f
}

// Units are the NAL units of a byte stream (annex B), one after another. They are parts
// of it.
type Units struct {
	// Unit is the current one; nil after the last.
	Unit []byte
	rest []byte
}

// Split returns the units of a stream, at the first one.
func Split(stream []byte) Units {
	u := Units{rest: stream}
	u.Advance()
	return u
}

// Advance goes on to the next unit that is not empty.
func (u *Units) Advance() {
	startCode := [...]byte{0, 0, 1}
	for {
		at := bytes.Index(u.rest, startCode[:])
		if at < 0 {
			u.Unit, u.rest = nil, nil
			return
		}
		u.Unit, u.rest = u.rest[at+len(startCode):], nil
		if end := bytes.Index(u.Unit, startCode[:]); end >= 0 {
			u.Unit, u.rest = u.Unit[:end], u.Unit[end:]
		}
		for len(u.Unit) > 0 && u.Unit[len(u.Unit)-1] == 0 { // the first of a longer start code
			u.Unit = u.Unit[:len(u.Unit)-1]
		}
		if len(u.Unit) > 0 {
			return
		}
	}
}

// Append appends a unit to a byte stream.
func Append(stream, unit []byte) []byte { return append(append(stream, 0, 0, 0, 1), unit...) }

// Find returns the first unit of a type before the first slice, or nil.
func Find(stream []byte, kind byte) []byte {
	for u := Split(stream); u.Unit != nil && Type(u.Unit) > IDR; u.Advance() {
		if Type(u.Unit) == kind {
			return u.Unit
		}
	}
	return nil
}

// StartsWithIDR reports whether decoding can begin with the picture of a stream, which is
// known by its first slice.
func StartsWithIDR(stream []byte) bool {
	u := Split(stream)
	for u.Unit != nil && Type(u.Unit) > IDR {
		u.Advance()
	}
	return Type(u.Unit) == IDR
}
