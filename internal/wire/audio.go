package wire

import (
	"fmt"
	"time"

	"github.com/pion/rtp"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// opusClockRate is the RTP clock of Opus, whatever it samples (RFC 7587
	// section 4.1).
	opusClockRate = 48000
	// talkspurtGap is the silence after which an audio packet begins a new
	// talkspurt and carries the marker (RFC 3551 section 4.1).
	talkspurtGap = 200 * time.Millisecond
)

// Audio levels of RFC 6464: the voice bit and the level in -dBov. The server
// shows as speaking, and forwards, only streams with the bit. A constant level
// serves: what is sent is programme material, mastered to about the same loudness.
const (
	levelSpeaking = 0x80 | 20
	levelSilent   = 127
)

// audioPayload is the state of an audio stream besides its header.
type audioPayload struct {
	level   []byte    // payload of the audio-level extension
	lastDue time.Time // of the last packet
}

// newAudioPayload adds the audio level to the header.
func newAudioPayload(h *rtp.Header, ids Extensions) *audioPayload {
	a := &audioPayload{level: make([]byte, 1)}
	setExtension(h, ids.AudioLevel, a.level)
	return a
}

// writeAudio sends an Opus packet that fits a datagram. s.mu must be held.
func (s *Sender) writeAudio(data []byte, due time.Time) error {
	s.header.Timestamp = s.timeline.at(due)
	s.audio.level[0] = levelSpeaking
	if opus.Silent(data) {
		s.audio.level[0] = levelSilent
	}
	s.header.Marker = due.Sub(s.audio.lastDue) > talkspurtGap
	s.audio.lastDue = due
	return s.write(data)
}

// splitAudio sends each frame of an Opus packet as a separate packet, at that frame's
// time. A frame cannot be split: the largest makes a datagram of 1372 bytes. s.mu must
// be held.
func (s *Sender) splitAudio(data []byte, due time.Time) error {
	var list [opus.MaxFrames][]byte
	frames, ok := opus.Frames(list[:0], data)
	if !ok {
		return fmt.Errorf("%w: %w", models.ErrInvalidParams, errOversize)
	}
	for _, frame := range frames {
		s.buf = append(append(s.buf[:0], data[0]&^3), frame...) // code 0: one frame
		if err := s.writeAudio(s.buf, due); err != nil {
			return err
		}
		due = due.Add(opus.FrameDuration(data[0]))
	}
	return nil
}
