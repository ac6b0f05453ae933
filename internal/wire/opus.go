package wire

import "time"

const (
	// opusMaxFrames is how many frames an Opus packet can hold, and opusMaxFrame
	// how many bytes one can have (RFC 6716 section 3.2.5 and 3.2.1).
	opusMaxFrames = 48
	opusMaxFrame  = 1275
)

// opusFrames appends the frames of an Opus packet (RFC 6716 section 3.2) to frames.
// It reports false for a malformed packet.
func opusFrames(frames [][]byte, packet []byte) ([][]byte, bool) {
	if len(packet) == 0 {
		return frames, false
	}
	code, rest := packet[0]&3, packet[1:]
	switch code {
	case 0:
		return cutOpus(frames, rest, 1)
	case 1:
		return cutOpus(frames, rest, 2)
	case 2:
		size, rest, ok := opusSize(rest)
		if !ok {
			return frames, false
		}
		return cutOpus(append(frames, rest[:size]), rest[size:], 1)
	}
	if len(rest) == 0 {
		return frames, false
	}
	variable, padded, count := rest[0]&0x80 != 0, rest[0]&0x40 != 0, int(rest[0]&0x3f)
	rest = rest[1:]
	if count == 0 || count > opusMaxFrames {
		return frames, false
	}
	if padded {
		var ok bool
		if rest, ok = unpadOpus(rest); !ok {
			return frames, false
		}
	}
	if !variable {
		return cutOpus(frames, rest, count)
	}
	var sizes [opusMaxFrames]int
	var ok bool
	for i := range count - 1 {
		var size int
		if size, rest, ok = opusSize(rest); !ok {
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
	return cutOpus(frames, rest, 1)
}

// cutOpus appends count frames of equal size, of which b consists.
func cutOpus(frames [][]byte, b []byte, count int) ([][]byte, bool) {
	size := len(b) / count
	if size*count != len(b) || size > opusMaxFrame {
		return frames, false
	}
	for i := range count {
		frames = append(frames, b[i*size:(i+1)*size])
	}
	return frames, true
}

// opusSize reads the size of a frame, coded in one or two bytes (RFC 6716 section
// 3.2.1). It reports false when b is shorter than that size.
func opusSize(b []byte) (size int, rest []byte, ok bool) {
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

// unpadOpus drops the padding and the bytes that code its size.
func unpadOpus(b []byte) ([]byte, bool) {
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

// opusFrameDuration returns the duration of each frame of a packet with that first
// byte (RFC 6716 section 3.1).
func opusFrameDuration(toc byte) time.Duration {
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
