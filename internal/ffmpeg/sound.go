package ffmpeg

import (
	"math"
	"strconv"
	"strings"

	"github.com/gotgcall/gotgcall/media"
)

// sound is a resolved media.Sound and the gain, in dB, that its loudness takes.
type sound struct {
	media.Sound
	gain float64
}

// speed is that of a sound that may not be set.
func (s sound) speed() float64 {
	if s.Speed == 0 {
		return 1
	}
	return s.Speed
}

// factor is the gain of all samples.
func (s sound) factor() float64 {
	volume := float64(s.Volume) / 100
	if volume == 0 {
		volume = 1
	}
	return volume * math.Pow(10, s.gain/20)
}

// audio returns the filters of sound that is played in channels, none for the sound as it
// is.
func (s sound) audio(channels int) []string {
	var filters []string
	if s.speed() != 1 {
		filters = append(filters, s.tempo()...)
	}
	for _, band := range []struct {
		name string
		gain float64
	}{{"bass", s.Bass}, {"treble", s.Treble}} {
		if band.gain != 0 {
			filters = append(filters, band.name+"=g="+decimal(band.gain))
		}
	}
	factor := s.factor()
	if factor != 1 {
		filters = append(filters, "volume="+decimal(factor))
	}
	if factor > 1 || s.Bass > 0 || s.Treble > 0 {
		// 1 dB below full scale, as inter-sample peaks are higher. By default all
		// sound is raised to the limit. It comes 5 ms late, for as long it looks ahead.
		filters = append(filters, "alimiter=limit=0.89:level=0:attack=5", "asetpts=PTS-0.005/TB", "atrim=start=0")
	}
	if len(filters) == 0 {
		return nil
	}
	layout := "stereo"
	if channels == 1 {
		layout = "mono"
	}
	return append([]string{"aformat=channel_layouts=" + layout}, filters...)
}

// tempo are the filters that change the speed: position t of the media comes at t/speed.
// atempo keeps the first time it is given and then counts samples, so holes are filled
// before it.
func (s sound) tempo() []string {
	return []string{"aresample=async=1", "asetpts=PTS/" + decimal(s.speed()), "atempo=" + decimal(s.speed())}
}

// video returns the filters by which pictures keep up with the sound, each with a comma
// behind it. The source's own unit of time may be a whole frame.
func (s sound) video() string {
	if s.speed() == 1 {
		return ""
	}
	return "settb=AVTB,setpts=PTS/" + decimal(s.speed()) + ","
}

// audioFilter returns the option with the filters of sound and more, or nothing.
func (s sound) audioFilter(channels int, more ...string) []string {
	filters := append(s.audio(channels), more...)
	if len(filters) == 0 {
		return nil
	}
	return []string{"-filter:a", strings.Join(filters, ",")}
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
