package media

import (
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// Sound is how a source sounds. The zero value is the source as it is, and costs nothing.
// A value out of range is models.ErrInvalidParams.
type Sound struct {
	// Volume is a percentage of the source's amplitude, 1 to 400: 50 is 6 dB less,
	// 200 is 6 dB more. 0 means 100; silence is a mute. What would clip is limited.
	Volume int
	// Speed is a factor, 0.5 to 2; 0 means 1. The pitch stays, and pictures keep up.
	// A live source has its own speed.
	Speed float64
	// Bass and Treble are a gain in dB below about 100 Hz and above about 3 kHz,
	// -20 to 20.
	Bass, Treble float64
	// Loudness is that to which a whole file is brought by one constant gain, in LUFS
	// (EBU R 128), -40 to -5; streaming services use about -14. The gain is at most
	// 12 dB either way, and less where peaks would clip. 0 means off.
	//
	// It takes the ReplayGain or R128 tags of a file, or else listens to two minutes
	// of it when it is first opened, which takes about 0.4 s. Of a URL it is a file in
	// ranges of bytes, and half a minute. Playlists and live sources have their own
	// loudness.
	Loudness float64
}

// Resolve returns the sound with the defaults in place of zeros, or
// models.ErrInvalidParams and the name of a value that is out of range.
func (s Sound) Resolve() (Sound, error) {
	if s.Volume == 0 {
		s.Volume = 100
	}
	if s.Speed == 0 {
		s.Speed = 1
	}
	for _, f := range []struct {
		name, unit      string
		value, min, max float64
		off             bool // 0 is allowed as well
	}{
		{"Volume", " percent", float64(s.Volume), 1, 400, false},
		{"Speed", "", s.Speed, 0.5, 2, false},
		{"Bass", " dB", s.Bass, -20, 20, false},
		{"Treble", " dB", s.Treble, -20, 20, false},
		{"Loudness", " LUFS, or 0", s.Loudness, -40, -5, true},
	} {
		// A value that is no number is not in any range.
		if !(f.value >= f.min && f.value <= f.max || f.off && f.value == 0) {
			return s, fmt.Errorf("%w: %s is %v, want %v to %v%s", models.ErrInvalidParams, f.name, f.value, f.min, f.max, f.unit)
		}
	}
	return s, nil
}

// Media returns how much of the media is played in a time.
func (s Sound) Media(played time.Duration) time.Duration {
	if s.Speed == 0 || s.Speed == 1 {
		return played
	}
	return time.Duration(float64(played) * s.Speed)
}

// Played returns how long a part of the media lasts when it is played.
func (s Sound) Played(media time.Duration) time.Duration {
	if s.Speed == 0 || s.Speed == 1 {
		return media
	}
	return time.Duration(float64(media) / s.Speed)
}

// Live returns the part of the sound that a live source can have.
func (s Sound) Live() Sound {
	s.Speed, s.Loudness = 1, 0
	return s
}
