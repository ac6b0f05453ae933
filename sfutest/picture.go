package sfutest

import (
	"encoding/binary"
	"image"
	"time"

	"github.com/pion/rtp/codecs"

	"github.com/gotgcall/gotgcall/internal/h264"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// Picture is one encoded picture that arrived whole.
type Picture struct {
	// At counts from the first picture, by the client's clock of media.
	At time.Duration
	// Size is in pixels: that of the last key frame.
	Size image.Point
	// Key is true of a picture that needs no other.
	Key bool
	// H264 is true of a picture in H.264, and false of one in VP8.
	H264 bool
	// Data is the VP8 frame, or the access unit of H.264 as a byte stream.
	Data []byte
}

const (
	payloadVP8, payloadH264 = 100, 104 // Telegram's payload types

	videoRate   = 90000   // RTP clock of both (RFC 7741 section 4.1, RFC 6184 section 8.1)
	maxPictures = 100_000 // over an hour at 25 a second
)

// assembler joins packets to pictures (RFC 7741, RFC 6184).
type assembler struct {
	pictures []Picture

	begun bool
	last  uint32        // the timestamp of the last picture
	at    time.Duration // its time
	data  []byte        // of the picture that is arriving; nil for none
	unit  codecs.H264Packet
	some  bool   // a packet has come
	next  uint16 // the sequence number that goes on
	ended bool   // no picture is cut off there
	size  image.Point
}

func (a *assembler) add(packet sfu.Packet) {
	follows := packet.Header.SequenceNumber == a.next
	if !a.some {
		a.some, a.ended, follows = true, true, true
	}
	a.next = packet.Header.SequenceNumber + 1
	if len(packet.Payload) == 0 { // padding
		a.data, a.ended = nil, a.ended && follows
		return
	}
	avc := packet.Header.PayloadType == payloadH264
	data, begins, err := a.unpack(packet.Payload, avc, a.ended && follows)
	a.ended = packet.Header.Marker
	switch {
	case err != nil:
		a.data = nil
		return
	case begins:
		a.data = append([]byte(nil), data...)
	case a.data == nil:
		return
	case !follows:
		a.data = nil
		return
	default:
		a.data = append(a.data, data...)
	}
	if packet.Header.Marker {
		a.finish(packet.Header.Timestamp, avc)
	}
}

// unpack returns what a packet has of a picture, and whether it begins one. In H.264
// that is known by what came before.
func (a *assembler) unpack(payload []byte, avc, after bool) (data []byte, begins bool, err error) {
	if !avc {
		var vp8 codecs.VP8Packet
		data, err = vp8.Unmarshal(payload)
		return data, vp8.S == 1 && vp8.PID == 0, err
	}
	if after {
		a.unit = codecs.H264Packet{}
	}
	data, err = a.unit.Unmarshal(payload)
	if data == nil {
		data = []byte{} // a fragment
	}
	return data, after, err
}

func (a *assembler) finish(timestamp uint32, avc bool) {
	picture := Picture{Data: a.data, H264: avc}
	a.data = nil
	if !a.begun {
		a.begun, a.last = true, timestamp
	}
	a.at += time.Duration(int32(timestamp-a.last)) * time.Second / videoRate
	a.last = timestamp
	if size, key := keySize(picture.Data, avc); key {
		picture.Key, a.size = true, size
	}
	picture.At, picture.Size = a.at, a.size
	if len(a.pictures) < maxPictures {
		a.pictures = append(a.pictures, picture)
	}
}

// keySize returns the size of a key frame, or false of any other.
func keySize(d []byte, avc bool) (image.Point, bool) {
	if avc {
		sequence, err := h264.ParseSPS(h264.Find(d, h264.SPS))
		return image.Pt(sequence.Width, sequence.Height), err == nil && h264.StartsWithIDR(d)
	}
	// The head of one in VP8 (RFC 6386 section 9.1) has a start code and the size.
	if len(d) < 10 || d[0]&1 != 0 || d[3] != 0x9d || d[4] != 0x01 || d[5] != 0x2a {
		return image.Point{}, false
	}
	return image.Pt(int(binary.LittleEndian.Uint16(d[6:])&0x3fff), int(binary.LittleEndian.Uint16(d[8:])&0x3fff)), true
}
