package oracle

import "github.com/pion/rtp"

const (
	voiceBit = 0x80 // RFC 6464 §3: the sender takes this for speech
	levelMax = 127  // the level of digital silence, in -dBov
	// faintest is the least level that is plausible while a packet holds sound.
	faintest = 90
	// A VBR encoder of Opus makes packets up to tinyOpus of digital silence, and
	// audible ones from soundOpus on; between is room for comfort noise.
	tinyOpus  = 3
	soundOpus = 10
	// levelRun is how many packets in a row must say the wrong thing, 2 s of them: one
	// alone may be right.
	levelRun = 100
)

// levels counts the packets in a row whose audio level contradicts their size.
type levels struct {
	mute   int // sound that is marked as silence, or as nobody's voice
	spoken int // silence that is marked as loud speech
}

// checkLevel wants sound marked as speech, and silence not: the server forwards, and
// clients show as speaking, only participants with the voice bit.
func (o *Oracle) checkLevel(s *stream, h *rtp.Header, payload []byte) {
	ext := h.GetExtension(extAudioLevel)
	if len(ext) != 1 {
		return // checkExtensions reports it
	}
	voice, level := ext[0]&voiceBit != 0, ext[0]&levelMax
	heard := voice && level <= faintest
	switch {
	case len(payload) >= soundOpus && !heard:
		s.levels.mute++
	case len(payload) >= soundOpus:
		s.levels.mute = 0
	case len(payload) > 0 && len(payload) <= tinyOpus && heard:
		s.levels.spoken++
	default:
		s.levels.spoken = 0
	}
	if s.levels.mute == levelRun {
		o.Violate("audio level of sound", "%d packets in a row like one of %d bytes with voice %t at -%d dBov",
			levelRun, len(payload), voice, level)
	}
	if s.levels.spoken == levelRun {
		o.Violate("audio level of silence", "%d packets in a row like one of %d bytes with voice at -%d dBov",
			levelRun, len(payload), level)
	}
}
