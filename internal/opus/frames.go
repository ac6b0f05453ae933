package opus

import "time"

const (
	// MaxFrames is how many frames a packet can hold (RFC 6716 section 3.2.5).
	MaxFrames = 48
	// MaxDuration is the longest packet (RFC 6716 section 3.2.5, R5).
	MaxDuration = 120 * time.Millisecond
	// maxFrame is how many bytes a frame can have (RFC 6716 section 3.2.1).
	maxFrame = 1275
)

// Frames appends the frames of a packet (RFC 6716 section 3.2) to frames. It reports
// false for a malformed packet.
func Frames(frames [][]byte, packet []byte) ([][]byte, bool) {
	if len(packet) == 0 {
		return frames, false
	}
	code, rest := packet[0]&3, packet[1:]
	switch code {
	case 0:
		return cut(frames, rest, 1)
	case 1:
		return cut(frames, rest, 2)
	case 2:
		size, rest, ok := readSize(rest)
		if !ok {
			return frames, false
		}
		return cut(append(frames, rest[:size]), rest[size:], 1)
	}
	if len(rest) == 0 {
		return frames, false
	}
	variable, padded, count := rest[0]&0x80 != 0, rest[0]&0x40 != 0, int(rest[0]&0x3f)
	rest = rest[1:]
	if count == 0 || count > MaxFrames {
		return frames, false
	}
	if padded {
		var ok bool
		if rest, ok = unpad(rest); !ok {
			return frames, false
		}
	}
	if !variable {
		return cut(frames, rest, count)
	}
	var sizes [MaxFrames]int
	var ok bool
	for i := range count - 1 {
		var size int
		if size, rest, ok = readSize(rest); !ok {
			return frames, false
		}
		sizes[i] = size
	}
	for _, size := range sizes[:count-1] {
		if size > len(rest) {
			return frames, false
		}
		frames, rest = append(frames, rest[:size]), rest[size:]
	}
	return cut(frames, rest, 1)
}

// cut appends count frames of equal size, of which b consists.
func cut(frames [][]byte, b []byte, count int) ([][]byte, bool) {
	size := len(b) / count
	if size*count != len(b) || size > maxFrame {
		return frames, false
	}
	for i := range count {
		frames = append(frames, b[i*size:(i+1)*size])
	}
	return frames, true
}

// readSize reads the size of a frame, coded in one or two bytes (RFC 6716 section
// 3.2.1). It reports false when b is shorter than that size.
func readSize(b []byte) (size int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	size, rest = int(b[0]), b[1:]
	if size >= 252 {
		if len(rest) == 0 {
			return 0, nil, false
		}
		size, rest = size+4*int(rest[0]), rest[1:]
	}
	return size, rest, size <= len(rest)
}

// unpad drops the padding and the bytes that code its size.
func unpad(b []byte) ([]byte, bool) {
	padding := 0
	for {
		if len(b) == 0 {
			return nil, false
		}
		n := int(b[0])
		b = b[1:]
		if n < 255 {
			padding += n
			break
		}
		padding += 254
	}
	if padding > len(b) {
		return nil, false
	}
	return b[:len(b)-padding], true
}

// FrameDuration returns the duration of each frame of a packet with that first byte
// (RFC 6716 section 3.1).
func FrameDuration(toc byte) time.Duration {
	switch config := toc >> 3; {
	case config >= 16: // CELT
		return 2500 * time.Microsecond << (config & 3)
	case config >= 12: // hybrid
		return 10 * time.Millisecond << (config & 1)
	case config&3 == 3: // SILK
		return 60 * time.Millisecond
	default:
		return 10 * time.Millisecond << (config & 3)
	}
}

// Duration returns how long a packet lasts by its first two bytes, or false if they are
// not those of a packet.
func Duration(packet []byte) (time.Duration, bool) {
	if len(packet) == 0 {
		return 0, false
	}
	frames := time.Duration(1)
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, false
		}
		frames = time.Duration(packet[1] & 0x3f)
	}
	d := frames * FrameDuration(packet[0])
	return d, d > 0 && d <= MaxDuration
}

// silence is the largest frame that a VBR encoder makes of digital silence: an empty
// range coder. Anything audible is longer.
const silence = 2

// Silent reports whether each frame of a packet is silence, or none at all (DTX).
func Silent(packet []byte) bool {
	switch {
	case len(packet) <= 1+silence:
		return true
	case packet[0]&3 == 0 || len(packet) > 2+MaxFrames*(1+silence):
		return false
	}
	var list [MaxFrames][]byte
	frames, ok := Frames(list[:0], packet)
	for _, frame := range frames {
		ok = ok && len(frame) <= silence
	}
	return ok
}
