package mediatest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"
)

// ToneCount is how many tones there are; second ToneCount sounds like second 0.
const ToneCount = 61

const (
	toneAmplitude = 0.4
	defaultRate   = 48000
)

// ToneFrequency is what second n of a tone file sounds like, in Hz. None is a
// harmonic of another; neighbours in time are at least 315 Hz apart. The
// frequencies are whole numbers: each second starts and ends at a zero crossing.
func ToneFrequency(n int) float64 { return stepFrequency(toneStep * n % ToneCount) }

// Second n sounds like step toneStep*n of a scale of ToneCount, a prime.
const toneStep = 7

func stepFrequency(step int) float64 { return float64(1000 + 45*step) }

// AudioSpec says what MakeTones and MakeSweep make.
type AudioSpec struct {
	// Seconds is the length, and so the number of tones.
	Seconds int
	// Rate is the sample rate; zero means 48000.
	Rate int
	// Channels is 1 or 2; zero means 2.
	Channels int
	// CoverArt attaches a picture, as music files have it. The container must
	// have a place for one (mp3, flac, m4a).
	CoverArt bool
	// Options are ffmpeg output options, such as "-c:a", "libopus". They come
	// last and win over the default for the extension.
	Options []string
}

// MakeTones writes an audio file of spec.Seconds tones, the first one starting
// at sample 0. The extension of path selects container and codec; .ogg, .opus,
// .webm and .mka hold Opus.
func MakeTones(ctx context.Context, ffmpeg, path string, spec AudioSpec) error {
	if err := encodeSound(ctx, ffmpeg, path, spec, toneSamples); err != nil {
		return fmt.Errorf("make tones: %w", err)
	}
	return nil
}

// encodeSound writes a file of the sound that samples returns for a number of seconds and
// a sample rate.
func encodeSound(ctx context.Context, ffmpeg, path string, spec AudioSpec, samples func(seconds, rate int) []byte) error {
	if spec.Seconds <= 0 {
		return errors.New("no length")
	}
	rate, channels := spec.Rate, spec.Channels
	if rate == 0 {
		rate = defaultRate
	}
	if channels == 0 {
		channels = 2
	}
	args := []string{"-y", "-f", "s16le", "-ar", strconv.Itoa(rate), "-ac", "1", "-i", "pipe:0"}
	if spec.CoverArt {
		args = append(args, "-f", "lavfi", "-i", "color=red:size=64x64:rate=1:duration=1",
			"-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p",
			"-disposition:v", "attached_pic")
	}
	args = append(args, "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(channels))
	switch filepath.Ext(path) {
	case ".ogg", ".opus", ".webm", ".mka":
		args = append(args, "-c:a", "libopus", "-ar", "48000")
	}
	args = append(append(args, spec.Options...), path)
	return run(ctx, ffmpeg, bytes.NewReader(samples(spec.Seconds, rate)), args...)
}

func toneSamples(seconds, rate int) []byte {
	pcm := make([]byte, 0, 2*seconds*rate)
	for second := range seconds {
		for i := range rate {
			pcm = appendSample(pcm, toneAmplitude*sine(ToneFrequency(second), i, rate))
		}
	}
	return pcm
}

func sine(frequency float64, i, rate int) float64 {
	return math.Sin(2 * math.Pi * frequency * float64(i) / float64(rate))
}

func appendSample(pcm []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint16(pcm, uint16(int16(math.Round(v*math.MaxInt16))))
}

// Tone is an uninterrupted stretch of one tone.
type Tone struct {
	// Index is n of ToneFrequency, below ToneCount.
	Index int
	// Start and End count from the start of the PCM.
	Start, End time.Duration
}

// Analysis of tones: Hann windows of 20 ms every 2 ms, on audio decimated to
// 12 kHz. A stretch shorter than minTone is a click between two tones.
const (
	decimation  = 4
	toneWindow  = 240
	toneHop     = 24
	minTone     = 30 * time.Millisecond
	hopDuration = time.Second * toneHop * decimation / SampleRate
	// minAmplitude is a twentieth of what MakeTones writes.
	minAmplitude = 0.02
	// minPurity is the share of a window's energy that must be in the tone.
	// It is 1/4 at the instant one tone gives way to the next, and near 1/80
	// in noise.
	minPurity = 0.2
)

// Tones lists the tones that sound, in order. A tone broken by a gap of some
// 30 ms or more appears twice. Starts and ends are exact to 5 ms.
func (p *PCM) Tones() []Tone {
	samples := decimate(p.Samples, decimation)
	amplitudes, pure := toneAmplitudes(samples)
	var peak float64
	for i, a := range amplitudes {
		if pure[i] {
			peak = max(peak, a.amplitude)
		}
	}
	threshold := max(peak/2, minAmplitude)
	var tones []Tone
	for i, a := range amplitudes {
		if !pure[i] || a.amplitude < threshold {
			continue
		}
		at := time.Duration(i) * hopDuration
		if n := len(tones); n > 0 && tones[n-1].Index == a.tone && tones[n-1].End == at {
			tones[n-1].End = at + hopDuration
			continue
		}
		tones = append(tones, Tone{Index: a.tone, Start: at, End: at + hopDuration})
	}
	return mergeTones(tones)
}

// mergeTones drops clicks, and joins the stretches that one cut in two.
func mergeTones(stretches []Tone) []Tone {
	var tones []Tone
	for _, t := range stretches {
		if n := len(tones); n > 0 && tones[n-1].Index == t.Index && t.Start-tones[n-1].End < minTone {
			tones[n-1].End = t.End
			continue
		}
		if t.End-t.Start >= minTone {
			tones = append(tones, t)
		}
	}
	return tones
}

type loudest struct {
	tone      int
	amplitude float64
}

// toneAmplitudes finds the loudest tone around each hop, and whether the sound
// there is that tone and not something else.
func toneAmplitudes(samples []float64) (tops []loudest, pure []bool) {
	scale := newScale()
	window := newHann(toneWindow)
	for center := 0; center <= len(samples); center += toneHop {
		windowed, power := window.apply(samples, center)
		best := scale.loudest(windowed)
		best.amplitude /= window.gain
		tops = append(tops, best)
		pure = append(pure, power > 0 && best.amplitude*best.amplitude/2 >= minPurity*power)
	}
	return tops, pure
}

// scale measures all tones, in order of frequency.
type scale struct {
	filters [ToneCount]goertzel
	tones   [ToneCount]int // which tone each step is
}

func newScale() *scale {
	var s scale
	for tone := range ToneCount {
		step := toneStep * tone % ToneCount
		s.filters[step] = newGoertzel(stepFrequency(step), SampleRate/decimation)
		s.tones[step] = tone
	}
	return &s
}

// coarse is how many steps a window of 20 ms cannot tell apart at a glance.
const coarse = 3

// loudest looks at each third step, then around the best of them. The amplitude is
// in units of the window's gain.
func (s *scale) loudest(windowed []float64) loudest {
	best, at := 0.0, 0
	try := func(step int) {
		if m := s.filters[step].magnitude(windowed); m > best {
			best, at = m, step
		}
	}
	for step := 0; step < ToneCount; step += coarse {
		try(step)
	}
	from, to := max(0, at-coarse+1), min(ToneCount, at+coarse)
	for step := from; step < to; step++ {
		if step%coarse != 0 {
			try(step)
		}
	}
	return loudest{tone: s.tones[at], amplitude: best}
}

// CheckTones reports how tones differ from length of a tone file played from
// position from: which tones, in which order, each starting and ending within
// tolerance of where it should.
func CheckTones(tones []Tone, from, length, tolerance time.Duration) error {
	var errs []error
	n := 0
	for at := time.Duration(0); at < length; n++ {
		second := int((from + at) / time.Second)
		end := min(length, time.Duration(second+1)*time.Second-from)
		if n >= len(tones) {
			return errors.Join(append(errs, fmt.Errorf("heard %d tones, missing second %d", len(tones), second))...)
		}
		t := tones[n]
		switch want := second % ToneCount; {
		case t.Index != want:
			errs = append(errs, fmt.Errorf("second %d: tone %d at %v, want tone %d", second, t.Index, t.Start, want))
		case (t.Start-at).Abs() > tolerance || (t.End-end).Abs() > tolerance:
			errs = append(errs, fmt.Errorf("second %d: tone from %v to %v, want %v to %v", second, t.Start, t.End, at, end))
		}
		at = end
	}
	if n < len(tones) {
		errs = append(errs, fmt.Errorf("heard %d tones, want %d; the next is tone %d at %v",
			len(tones), n, tones[n].Index, tones[n].Start))
	}
	return errors.Join(errs...)
}
