package wire

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/h264"
)

const (
	// The types that RFC 6184 section 5.2 adds to those of NAL units.
	typeSTAPA = 24
	typeFUA   = 28

	typeBits, importanceBits = 0x1f, 0x60

	// unitLength is before each unit of a STAP-A (RFC 6184 section 5.7.1).
	unitLength = 2
	// fuHeader is the indicator and the header of an FU-A (RFC 6184 section 5.8).
	fuHeader       = 2
	fuStart, fuEnd = 0x80, 0x40
)

// writeH264 sends an access unit, a byte stream, in packetization mode 1 (RFC 6184):
// small units together, large ones in fragments of equal size. s.mu must be held.
func (s *Sender) writeH264(stream []byte) error {
	if !s.video.gate.admit(h264.StartsWithIDR(stream), time.Now()) {
		return nil
	}
	s.beginPicture(s.video.h264)
	units := sendableUnits{h264.Split(stream)}
	units.settle()
	for units.Unit != nil {
		unit := units.Unit
		units.advance()
		var err error
		switch {
		case len(unit) > maxPayload:
			err = s.writeFragments(unit, units.Unit == nil)
		case units.Unit == nil || 1+unitLength+len(unit)+unitLength+len(units.Unit) > maxPayload:
			s.header.Marker = units.Unit == nil
			err = s.write(unit)
		default:
			err = s.writeAggregate(unit, &units)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeAggregate sends a unit in one packet with all units after it that fit.
func (s *Sender) writeAggregate(unit []byte, following *sendableUnits) error {
	s.buf[0] = typeSTAPA
	size := s.aggregate(unit, 1)
	for following.Unit != nil && size+unitLength+len(following.Unit) <= maxPayload {
		size = s.aggregate(following.Unit, size)
		following.advance()
	}
	s.header.Marker = following.Unit == nil
	return s.write(s.buf[:size])
}

// aggregate appends a unit to a STAP-A of some size, and returns the new size. The
// packet is as important as the most important unit in it.
func (s *Sender) aggregate(unit []byte, size int) int {
	s.buf[0] = max(s.buf[0], unit[0]&importanceBits|typeSTAPA)
	s.buf[size], s.buf[size+1] = byte(len(unit)>>8), byte(len(unit))
	return size + unitLength + copy(s.buf[size+unitLength:], unit)
}

// writeFragments sends a unit as FU-As. last says that no unit follows.
func (s *Sender) writeFragments(unit []byte, last bool) error {
	const room = maxPayload - fuHeader
	data := unit[1:] // the unit's header is in that of each fragment
	packets := (len(data) + room - 1) / room
	s.buf[0] = unit[0]&importanceBits | typeFUA
	for i := range packets {
		s.buf[1] = unit[0] & typeBits
		if i == 0 {
			s.buf[1] |= fuStart
		}
		if i == packets-1 {
			s.buf[1] |= fuEnd
		}
		n := copy(s.buf[fuHeader:], data[i*len(data)/packets:(i+1)*len(data)/packets])
		s.header.Marker = last && i == packets-1
		if err := s.write(s.buf[:fuHeader+n]); err != nil {
			return err
		}
	}
	return nil
}

// sendableUnits are the units that receivers need: slices, their parameters and
// supplements. Delimiters and filler are left out, and the types that RFC 6184 gives
// another meaning.
type sendableUnits struct{ h264.Units }

func (u *sendableUnits) advance() {
	u.Advance()
	u.settle()
}

// settle goes on to the next unit that is sent, unless it is the current one.
func (u *sendableUnits) settle() {
	for u.Unit != nil && (h264.Type(u.Unit) == 0 || h264.Type(u.Unit) > h264.PPS) {
		u.Advance()
	}
}
