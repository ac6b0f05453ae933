// Package vp8 reads the payload descriptor of VP8 in RTP (RFC 7741).
package vp8

// The first octet of the VP8 payload descriptor, and of its extension (RFC 7741 §4.2).
const (
	extendedBit, startBit = 0x80, 0x10
	partitionMask         = 0x0f

	pictureIDBit, tL0Bit, tIDBit, keyIndexBit = 0x80, 0x40, 0x20, 0x10
	// longBit is set in a picture ID of 15 bits.
	longBit = 0x80

	// PictureMask is the largest number of a picture.
	PictureMask = 1<<15 - 1
)

// StartsFrame reports whether a payload begins a frame.
func StartsFrame(payload []byte) bool {
	return len(payload) > 0 && payload[0]&startBit != 0 && payload[0]&partitionMask == 0
}

// StartsKeyFrame reports whether a payload begins a key frame (RFC 7741 §4.3).
func StartsKeyFrame(payload []byte) bool {
	if !StartsFrame(payload) {
		return false
	}
	at := 1
	if payload[0]&extendedBit != 0 {
		if len(payload) < 2 {
			return false
		}
		at += extensionLength(payload[1:])
	}
	return at < len(payload) && payload[at]&1 == 0
}

// PictureID returns a picture's number. ok is false unless it has 15 bits.
func PictureID(payload []byte) (id uint16, ok bool) {
	if len(payload) < 4 || payload[0]&extendedBit == 0 || payload[1]&pictureIDBit == 0 || payload[2]&longBit == 0 {
		return 0, false
	}
	return (uint16(payload[2])<<8 | uint16(payload[3])) & PictureMask, true
}

// extensionLength is the length of the descriptor's extension: its flags and what they
// announce.
func extensionLength(b []byte) int {
	n := 1
	if b[0]&pictureIDBit != 0 {
		n++
		if len(b) > 1 && b[1]&longBit != 0 {
			n++
		}
	}
	if b[0]&tL0Bit != 0 {
		n++
	}
	if b[0]&(tIDBit|keyIndexBit) != 0 {
		n++
	}
	return n
}
