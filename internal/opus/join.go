package opus

import "time"

const (
	// dtx is the largest packet that need not be sent: nothing is said meanwhile
	// (libopus, opus_encode). A receiver knows it by its size.
	dtx = 2
	// headroom is the longest header: first byte, number of frames, and the sizes of
	// all but the last (RFC 6716 section 3.2.5).
	headroom = 2 + 2*(MaxFrames-1)
)

// Joiner joins packets whose frames are alike into one. Its zero value is ready, and joins
// nothing.
type Joiner struct {
	// Length is the longest packet to make, at most [MaxDuration]; Bytes the largest.
	Length time.Duration
	Bytes  int

	toc   byte // without the code
	count int
	sizes [MaxFrames]uint16
	coded int    // how many bytes the sizes take
	equal bool   // all sizes are
	buf   []byte // headroom, then the frames
}

// Count returns how many frames it holds.
func (j *Joiner) Count() int { return j.count }

// Duration returns the length of the frames it holds.
func (j *Joiner) Duration() time.Duration { return time.Duration(j.count) * FrameDuration(j.toc) }

// Full reports whether no further frame of the same length fits.
func (j *Joiner) Full() bool {
	return j.count > 0 && (j.count == MaxFrames || j.Duration()+FrameDuration(j.toc) > j.Length)
}

// Add appends the frames of a packet, and drops its padding. It reports false, and changes
// nothing, if they do not fit those held: they are of another mode, bandwidth, length or
// number of channels, or would be too long. A malformed packet never fits, nor does one
// that stands for silence (DTX).
func (j *Joiner) Add(packet []byte) bool {
	if len(packet) <= dtx || j.count > 0 && packet[0]&^3 != j.toc {
		return false
	}
	var list [MaxFrames][]byte
	frames, ok := Frames(list[:0], packet)
	count := j.count + len(frames)
	if !ok || count > MaxFrames || time.Duration(count)*FrameDuration(packet[0]) > min(j.Length, MaxDuration) {
		return false
	}
	first, bytes, coded, equal := len(frames[0]), 0, 0, true
	if j.count > 0 {
		first, bytes, coded, equal = int(j.sizes[0]), len(j.buf)-headroom, j.coded, j.equal
	}
	for _, frame := range frames {
		bytes += len(frame)
		coded += codedSize(len(frame))
		equal = equal && len(frame) == first
	}
	last := len(frames[len(frames)-1])
	if headerSize(count, coded-codedSize(last), equal)+bytes > j.Bytes {
		return false
	}
	if j.count == 0 {
		j.buf = append(j.buf[:0], make([]byte, headroom)...)
	}
	for i, frame := range frames {
		j.sizes[j.count+i] = uint16(len(frame))
		j.buf = append(j.buf, frame...)
	}
	j.toc, j.count, j.coded, j.equal = packet[0]&^3, count, coded, equal
	return true
}

// Take returns the packet, which is valid until the next Add, and holds nothing from then
// on. It returns nil if it held nothing.
func (j *Joiner) Take() []byte {
	if j.count == 0 {
		return nil
	}
	last := j.sizes[j.count-1]
	start := headroom - headerSize(j.count, j.coded-codedSize(int(last)), j.equal)
	packet := j.appendHeader(j.buf[start:start])[:len(j.buf)-start] // the frames follow
	j.count = 0
	return packet
}

// appendHeader appends the bytes that precede the frames.
func (j *Joiner) appendHeader(b []byte) []byte {
	switch {
	case j.count == 1:
		return append(b, j.toc)
	case j.count == 2 && j.equal:
		return append(b, j.toc|1)
	case j.count == 2:
		return appendSize(append(b, j.toc|2), j.sizes[0])
	case j.equal:
		return append(b, j.toc|3, byte(j.count))
	}
	b = append(b, j.toc|3, byte(j.count)|0x80)
	for _, size := range j.sizes[:j.count-1] {
		b = appendSize(b, size)
	}
	return b
}

// headerSize returns how many bytes precede the frames: coded is that of the sizes of
// all but the last.
func headerSize(count, coded int, equal bool) int {
	switch {
	case count == 1 || count == 2 && equal:
		return 1
	case count == 2:
		return 1 + coded
	case equal:
		return 2
	}
	return 2 + coded
}

// codedSize returns how many bytes code the size of a frame.
func codedSize(size int) int {
	if size < 252 {
		return 1
	}
	return 2
}

// appendSize appends the size of a frame (RFC 6716 section 3.2.1).
func appendSize(b []byte, size uint16) []byte {
	if size < 252 {
		return append(b, byte(size))
	}
	first := 252 + size&3
	return append(b, byte(first), byte((size-first)>>2))
}
