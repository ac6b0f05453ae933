package wire

import (
	"math/rand/v2"
	"time"
)

const (
	// vp8ClockRate is the RTP clock of VP8 (RFC 7741 section 4.1).
	vp8ClockRate = 90000
	// vp8DescriptorSize is the payload descriptor with a 15-bit picture id
	// (RFC 7741 section 4.2).
	vp8DescriptorSize = 4
	// maxFragment is the most that a packet carries of a picture.
	maxFragment = maxPayload - vp8DescriptorSize
)

// videoPayload is the state of a video stream besides its header.
type videoPayload struct {
	pictureID uint16 // of the last picture, 15 bits
	vp8, h264 format // of each codec; zero: it is not sent
	history   history
	gate      videoGate
}

// format is the payload types of a codec.
type format struct{ media, rtx uint8 }

// newVideoPayload returns the state of a stream with retransmissions on the SSRC rtx.
func newVideoPayload(s Stream, rtx uint32, congestion *Congestion) *videoPayload {
	v := &videoPayload{pictureID: uint16(rand.N(1 << 15)), gate: videoGate{congestion: congestion}}
	s.SSRC = rtx
	v.history.header = newHeader(s)
	return v
}

// setFormat makes a codec that of the next packets. s.mu must be held.
func (s *Sender) setFormat(f format) {
	s.header.PayloadType, s.video.history.rtx = f.media, f.rtx
}

// beginPicture prepares the packets of a picture. s.mu must be held.
func (s *Sender) beginPicture(f format) {
	s.setFormat(f)
	if s.buf == nil {
		s.buf = make([]byte, maxPayload)
	}
}

// writeVP8 sends a picture as packets of equal size (RFC 7741), of which a queue
// drops fewer than of full ones and a rest. s.mu must be held.
func (s *Sender) writeVP8(data []byte) error {
	if len(data) == 0 || !s.video.gate.admit(data[0]&1 == 0, time.Now()) { // RFC 6386 section 9.1: 0 is a key frame
		return nil
	}
	s.beginPicture(s.video.vp8)
	id := (s.video.pictureID + 1) & 0x7fff
	s.video.pictureID = id
	packets := (len(data) + maxFragment - 1) / maxFragment
	for i := range packets {
		from, to := i*len(data)/packets, (i+1)*len(data)/packets
		start := byte(0)
		if i == 0 {
			start = 0x10 // S: start of partition 0
		}
		s.buf[0] = 0x80 | start // X: extension follows
		s.buf[1] = 0x80         // I: picture id follows
		s.buf[2] = 0x80 | byte(id>>8)
		s.buf[3] = byte(id)
		n := copy(s.buf[vp8DescriptorSize:], data[from:to])
		s.header.Marker = i == packets-1
		if err := s.write(s.buf[:vp8DescriptorSize+n]); err != nil {
			return err
		}
	}
	return nil
}

// SetWatched sets whether anybody watches the pictures. After two seconds without a
// viewer they are withheld, until a key frame when there is one again. It has no
// effect on sound.
func (s *Sender) SetWatched(watched bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.video == nil {
		return
	}
	s.video.gate.setWatched(watched, time.Now())
}

// Withheld returns how many pictures were withheld because the path was congested,
// and how many because nobody watched. Sound is never withheld.
func (s *Sender) Withheld() (congested, unwatched uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.video == nil {
		return 0, 0
	}
	return s.video.gate.dropped, s.video.gate.unseen
}
