package sfutest

import (
	"encoding/binary"
	"image"
	"time"

	"github.com/pion/rtp/codecs"

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
	// Data is the VP8 frame.
	Data []byte
}

const (
	payloadVP8  = 100     // Telegram's payload type of VP8
	videoRate   = 90000   // RTP clock of VP8 (RFC 7741 section 6.1)
	maxPictures = 100_000 // over an hour at 25 a second
)

// assembler joins packets to pictures (RFC 7741).
type assembler struct {
	pictures []Picture

	begun bool
	last  uint32        // the timestamp of the last picture
	at    time.Duration // its time
	data  []byte        // of the picture that is arriving; nil for none
	next  uint16        // the sequence number it goes on with
	size  image.Point
}

func (a *assembler) add(packet sfu.Packet) {
	var vp8 codecs.VP8Packet
	data, err := vp8.Unmarshal(packet.Payload)
	switch {
	case err != nil: // padding, for one
		a.data = nil
		return
	case vp8.S == 1 && vp8.PID == 0:
		a.data = append([]byte(nil), data...)
	case a.data == nil:
		return
	case packet.Header.SequenceNumber != a.next:
		a.data = nil
		return
	default:
		a.data = append(a.data, data...)
	}
	a.next = packet.Header.SequenceNumber + 1
	if packet.Header.Marker {
		a.finish(packet.Header.Timestamp)
	}
}

func (a *assembler) finish(timestamp uint32) {
	picture := Picture{Data: a.data}
	a.data = nil
	if !a.begun {
		a.begun, a.last = true, timestamp
	}
	a.at += time.Duration(int32(timestamp-a.last)) * time.Second / videoRate
	a.last = timestamp
	// A key frame's head (RFC 6386 section 9.1) has a start code and the size.
	if d := picture.Data; len(d) >= 10 && d[0]&1 == 0 && d[3] == 0x9d && d[4] == 0x01 && d[5] == 0x2a {
		picture.Key = true
		a.size.X = int(binary.LittleEndian.Uint16(d[6:]) & 0x3fff)
		a.size.Y = int(binary.LittleEndian.Uint16(d[8:]) & 0x3fff)
	}
	picture.At, picture.Size = a.at, a.size
	if len(a.pictures) < maxPictures {
		a.pictures = append(a.pictures, picture)
	}
}
