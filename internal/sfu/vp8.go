package sfu

// The first octet of the VP8 payload descriptor, and of its extension (RFC 7741 §4.2).
const (
	vp8Extended, vp8Start = 0x80, 0x10
	vp8Partition          = 0x0f

	vp8PictureID, vp8TL0, vp8TID, vp8KeyIndex = 0x80, 0x40, 0x20, 0x10
	// vp8Long is set in a picture ID of 15 bits.
	vp8Long = 0x80

	pictureMask = 1<<15 - 1
)

// startsFrame says whether a payload begins a frame.
func startsFrame(payload []byte) bool {
	return len(payload) > 0 && payload[0]&vp8Start != 0 && payload[0]&vp8Partition == 0
}

// startsKeyFrame reads the frame's header too (RFC 7741 §4.3).
func startsKeyFrame(payload []byte) bool {
	if !startsFrame(payload) {
		return false
	}
	at := 1
	if payload[0]&vp8Extended != 0 {
		if len(payload) < 2 {
			return false
		}
		at += extensionLength(payload[1:])
	}
	return at < len(payload) && payload[at]&1 == 0
}

// pictureID reads a picture's number, if it has 15 bits.
func pictureID(payload []byte) (id uint16, ok bool) {
	if len(payload) < 4 || payload[0]&vp8Extended == 0 || payload[1]&vp8PictureID == 0 || payload[2]&vp8Long == 0 {
		return 0, false
	}
	return (uint16(payload[2])<<8 | uint16(payload[3])) & pictureMask, true
}

// extensionLength is the length of the descriptor's extension: its flags and what they
// announce.
func extensionLength(b []byte) int {
	n := 1
	if b[0]&vp8PictureID != 0 {
		n++
		if len(b) > 1 && b[1]&vp8Long != 0 {
			n++
		}
	}
	if b[0]&vp8TL0 != 0 {
		n++
	}
	if b[0]&(vp8TID|vp8KeyIndex) != 0 {
		n++
	}
	return n
}
