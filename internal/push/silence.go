package push

import (
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// quietFrame is what is played at a time while there is nothing to play: it bounds
	// how long a packet waits.
	quietFrame = 10 * time.Millisecond
	// fade is for how long silence is sent after the last sound, so that a listener's
	// decoder comes to rest.
	fade = 100 * time.Millisecond
	// comfort is how often silence is sent after that, as by an encoder with DTX (RFC
	// 6716 section 2.1.9).
	comfort = 400 * time.Millisecond
)

// silence lays packets on a timeline, and silence between them. A stream that embeds it is
// read when the frame before has been played, and never blocks.
type silence struct {
	at     time.Duration // where the next frame begins
	empty  time.Duration // how long nothing has been played
	played bool          // anything has been
	stereo bool
	packet [3]byte
}

// sound returns a packet as the next frame.
func (s *silence) sound(p packet) media.Frame {
	f := media.Frame{Track: media.TrackAudio, PTS: s.at, Duration: p.length, Data: p.data}
	s.at += p.length
	s.empty, s.played, s.stereo = 0, true, p.data[0]&4 != 0
	return f
}

// quiet returns silence as the next frame: without data where nothing is to be sent.
func (s *silence) quiet() media.Frame {
	f := media.Frame{Track: media.TrackAudio, PTS: s.at, Duration: quietFrame}
	if s.played && (s.empty < fade || s.empty%comfort == 0) {
		// CELT at full band, 10 ms, silent (RFC 6716 section 3.1).
		s.packet = [3]byte{30 << 3, 0xFF, 0xFE}
		if s.stereo {
			s.packet[0] |= 4
		}
		f.Data = s.packet[:]
	}
	s.at += quietFrame
	s.empty += quietFrame
	return f
}

// Tracks returns media.TrackAudio.
func (s *silence) Tracks() media.Track { return media.TrackAudio }

// SourceInfo says that what a program writes has no length.
func (s *silence) SourceInfo() media.SourceInfo { return media.SourceInfo{Live: true} }

// Prompt reports that ReadFrame reads from memory alone.
func (s *silence) Prompt() bool { return true }
