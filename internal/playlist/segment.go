package playlist

import "bytes"

// SegmentHead is how many bytes SegmentKind wants to see.
const SegmentHead = 1 << 10

// SegmentKind returns the file name extension for what a segment's first bytes
// are, with its dot, or nothing when they are not known.
func SegmentKind(head []byte) string {
	text := trimBOM(head)
	switch {
	case len(head) > 0 && head[0] == 0x47 && (len(head) <= 188 || head[188] == 0x47): // ISO 13818-1 section 2.4.3.2
		return ".ts"
	case len(head) >= 8 && isBox(string(head[4:8])):
		return ".mp4"
	case bytes.HasPrefix(text, []byte("WEBVTT")):
		return ".vtt"
	case bytes.HasPrefix(head, []byte("ID3")) && len(head) >= 10:
		// Packed audio begins with its time (RFC 8216 section 3.4); the
		// length is in bytes of seven bits.
		length := int(head[6]&0x7F)<<21 | int(head[7]&0x7F)<<14 | int(head[8]&0x7F)<<7 | int(head[9]&0x7F)
		if 10+length < len(head) {
			return audioKind(head[10+length:])
		}
		return ".aac"
	}
	return audioKind(head)
}

func isBox(name string) bool {
	switch name {
	case "ftyp", "styp", "moov", "moof", "sidx", "emsg", "prft", "free":
		return true
	}
	return false
}

// audioKind knows frames of sound by their first bytes.
func audioKind(head []byte) string {
	switch {
	case len(head) < 2:
		return ""
	case head[0] == 0xFF && head[1]&0xF6 == 0xF0: // ADTS: layer 0
		return ".aac"
	case head[0] == 0xFF && head[1]&0xE0 == 0xE0 && head[1]&0x06 != 0:
		return ".mp3"
	case head[0] == 0x0B && head[1] == 0x77 && len(head) > 5:
		if head[5]>>3 > 10 { // bsid: ATSC A/52 annex E
			return ".eac3"
		}
		return ".ac3"
	}
	return ""
}
