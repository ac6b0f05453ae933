package container

import (
	"encoding/binary"
	"errors"

	"github.com/gotgcall/gotgcall/internal/h264"
)

// avc turns samples of H.264, whose units have their length before them, into byte
// streams.
type avc struct {
	lengthSize int    // in bytes; 0: the samples are byte streams already
	parameters []byte // SPS and PPS, as a byte stream
	data       []byte // reused from picture to picture
}

var errAVC = errors.New("malformed parameters of H.264")

// parseAVC reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1).
// Where there is none, or a byte stream, the samples are byte streams.
func parseAVC(record []byte) (*avc, error) {
	a := new(avc)
	if len(record) == 0 || record[0] == 0 {
		for u := h264.Split(record); u.Unit != nil; u.Advance() {
			a.addParameters(u.Unit)
		}
		return a, nil
	}
	if len(record) < 6 || record[0] != 1 {
		return nil, errAVC
	}
	a.lengthSize = int(record[4]&3) + 1
	rest := record[5:]
	for _, mask := range []byte{0x1f, 0xff} { // the number of SPS has five bits
		if len(rest) == 0 {
			return nil, errAVC
		}
		count := rest[0] & mask
		rest = rest[1:]
		for range count {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
				return nil, errAVC
			}
			size := 2 + int(binary.BigEndian.Uint16(rest))
			a.addParameters(rest[2:size])
			rest = rest[size:]
		}
	}
	return a, nil
}

// addParameters appends a unit, if it is an SPS or a PPS.
func (a *avc) addParameters(unit []byte) {
	if kind := h264.Type(unit); kind == h264.SPS || kind == h264.PPS {
		a.parameters = h264.Append(a.parameters, unit)
	}
}

// byteStream returns a sample as a byte stream, valid until the next call, and whether it
// is an IDR picture. One that lacks its parameters gets them.
func (a *avc) byteStream(sample []byte) (stream []byte, key bool, err error) {
	a.data = append(a.data[:0], a.parameters...)
	if a.lengthSize == 0 {
		a.data = append(a.data, sample...)
	} else if err := a.appendUnits(sample); err != nil {
		return nil, false, err
	}
	stream = a.data[len(a.parameters):]
	if key = h264.StartsWithIDR(stream); !key || h264.Find(stream, h264.SPS) != nil {
		return stream, key, nil
	}
	return a.data, key, nil
}

// appendUnits appends the units of a sample to the data.
func (a *avc) appendUnits(sample []byte) error {
	for len(sample) > 0 {
		if len(sample) < a.lengthSize {
			return errors.New("a unit of H.264 is cut off")
		}
		size := 0
		for _, b := range sample[:a.lengthSize] {
			size = size<<8 | int(b)
		}
		if sample = sample[a.lengthSize:]; size > len(sample) {
			return errors.New("a unit of H.264 is longer than its picture")
		}
		a.data = h264.Append(a.data, sample[:size])
		sample = sample[size:]
	}
	return nil
}
