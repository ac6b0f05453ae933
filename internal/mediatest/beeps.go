package mediatest

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Beeps are detected on the samples as they are: windows of 5 ms each 0.5 ms.
// 3 kHz is no tone of ToneFrequency.
const (
	beepFrequency = 3000
	beepAmplitude = 0.5
	beepLength    = 100 * time.Millisecond
	beepWindow    = SampleRate * 5 / 1000
	beepHop       = SampleRate / 2000
)

// Beeps lists where a beep begins, counted from the start of the PCM, exact to
// 2 ms. An onset within 50 ms after the last beep fell silent does not count.
func (p *PCM) Beeps() []time.Duration {
	const hop = time.Second * beepHop / SampleRate
	amplitudes := p.beepAmplitudes()
	peak := 0.0
	for _, a := range amplitudes {
		peak = max(peak, a)
	}
	threshold := max(peak/2, minAmplitude)
	var onsets []time.Duration
	last := -time.Hour
	for i, a := range amplitudes {
		if a < threshold {
			continue
		}
		at := time.Duration(i) * hop
		if at-last > beepLength/2 {
			onsets = append(onsets, at)
		}
		last = at
	}
	return onsets
}

func (p *PCM) beepAmplitudes() []float64 {
	filter := newGoertzel(beepFrequency, SampleRate)
	window := newHann(beepWindow)
	samples := decimate(p.Samples, 1)
	var amplitudes []float64
	for center := 0; center <= len(samples); center += beepHop {
		windowed, power := window.apply(samples, center)
		a := filter.magnitude(windowed) / window.gain
		if a*a/2 < minPurity*power {
			a = 0
		}
		amplitudes = append(amplitudes, a)
	}
	return amplitudes
}

// Clock returns when the moment of an RTP timestamp was, or is to be played.
type Clock func(timestamp uint32) time.Time

// NewClock is a clock of rate ticks a second that shows timestamp at the given
// instant. It holds within 2^31 ticks of there.
func NewClock(at time.Time, timestamp, rate uint32) Clock {
	return func(t uint32) time.Time {
		return at.Add(time.Duration(int32(t-timestamp)) * time.Second / time.Duration(rate))
	}
}

// ReportClock is the clock that a sender report states (RFC 3550 section
// 6.4.1): ntp is its NTP timestamp, timestamp its RTP timestamp.
func ReportClock(ntp uint64, timestamp, rate uint32) Clock {
	const ntpToUnix = 2208988800 // seconds from 1900 to 1970
	seconds, fraction := int64(ntp>>32)-ntpToUnix, ntp&math.MaxUint32
	return NewClock(time.Unix(seconds, int64(fraction*uint64(time.Second)>>32)), timestamp, rate)
}

// AVOffset is one flash and its beep.
type AVOffset struct {
	// At is when the flash was.
	At time.Time
	// Offset is how much later the beep was; negative when it came first.
	Offset time.Duration
}

// maxOffset is half the time between flashes: beyond, a pair is ambiguous.
const maxOffset = 500 * time.Millisecond

// AVOffsets pairs each flash with the nearest beep. Beeps and flashes are RTP
// timestamps, in order. With the pairs it found it returns an error that lists
// what has no partner within half a second.
func AVOffsets(beeps, flashes []uint32, audio, video Clock) ([]AVOffset, error) {
	var offsets []AVOffset
	var errs []error
	paired := make(map[uint32]bool)
	for _, f := range flashes {
		flash := video(f)
		best, beep := maxOffset, uint32(0)
		found := false
		for _, b := range beeps {
			if offset := audio(b).Sub(flash); offset.Abs() < best.Abs() && !paired[b] {
				best, beep, found = offset, b, true
			}
		}
		if !found {
			errs = append(errs, fmt.Errorf("flash at RTP time %d has no beep", f))
			continue
		}
		paired[beep] = true
		offsets = append(offsets, AVOffset{At: flash, Offset: best})
	}
	for _, b := range beeps {
		if !paired[b] {
			errs = append(errs, fmt.Errorf("beep at RTP time %d has no flash", b))
		}
	}
	return offsets, errors.Join(errs...)
}
