package mediatest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// A sweep is a sine whose frequency rises with each sample, so every instant of it
// has a frequency of its own: what is lost, doubled or out of place shows by it.
const (
	sweepStart  = 500.0 // Hz
	sweepRate   = 200.0 // Hz per second
	sweepLength = 30    // seconds; to 6,500 Hz, which every codec here carries
	// sweepBitrate keeps ffmpeg's AAC encoder from breaking it.
	sweepBitrate = "256k"
)

// MakeSweep writes an audio file of spec.Seconds, 30 at most, of a sweep. The
// extension of path selects container and codec, as for MakeTones.
func MakeSweep(ctx context.Context, ffmpeg, path string, spec AudioSpec) error {
	if spec.Seconds > sweepLength {
		return fmt.Errorf("make sweep: %d seconds, more than %d", spec.Seconds, sweepLength)
	}
	spec.Options = append([]string{"-b:a", sweepBitrate}, spec.Options...)
	if err := encodeSound(ctx, ffmpeg, path, spec, sweepSamples); err != nil {
		return fmt.Errorf("make sweep: %w", err)
	}
	return nil
}

// sweepSamples is the sound of position 0 to seconds.
func sweepSamples(seconds, rate int) []byte {
	pcm := make([]byte, 0, 2*seconds*rate)
	for i := range seconds * rate {
		t := float64(i) / float64(rate)
		pcm = appendSample(pcm, toneAmplitude*math.Sin(2*math.Pi*t*(sweepStart+sweepRate/2*t)))
	}
	return pcm
}

// Stretch is an unbroken part of a sweep.
type Stretch struct {
	// Start and End count from the start of the PCM.
	Start, End time.Duration
	// Position is where in the sweep the sound at Start is.
	Position time.Duration
}

// Offset is how much later the sound is than its place in the sweep.
func (s Stretch) Offset() time.Duration { return s.Start - s.Position }

func (s Stretch) String() string {
	return fmt.Sprintf("%v to %v from position %v", s.Start, s.End, s.Position)
}

// Analysis of sweeps: the frequency is the change of phase between two Hann windows
// of 10 ms, 10 ms apart, each 5 ms.
const (
	sweepWindow = SampleRate / 100
	sweepLag    = SampleRate / 100
	sweepHop    = SampleRate / 200
	// sweepTolerance is how far the place of a hop may be from its stretch's: half
	// of the shortest Opus packet in use. Codecs make an error of less than 1 ms.
	sweepTolerance = 4 * time.Millisecond
	// Fewer than sweepRun hops in one place are noise, and so is up to sweepNoise of
	// anything else: an encoder that changes its mode. Two packets that are swapped
	// disturb more, and what is lost or doubled moves all that follows.
	sweepRun   = 3
	sweepNoise = SampleRate * 35 / 1000
	// sweepReach is how much of the sound one hop looks at.
	sweepReach = sweepLag + sweepWindow
	// A hole is where the sound of holeWindow has less than holeLevel of the usual
	// amplitude.
	holeWindow = SampleRate * 4 / 1000
	holeHop    = SampleRate / 1000
	holeLevel  = 0.4
)

// Sweep lists the unbroken parts of a sweep that sound, in order. Starts, ends and
// positions are exact to 2 ms.
func (p *PCM) Sweep() []Stretch {
	loud := p.loud()
	finder := newSweepFinder(p.Samples)
	var stretches []Stretch
	for _, l := range loud {
		stretches = append(stretches, finder.split(l)...)
	}
	return stretches
}

// SweepAt returns the place in the sweep of what sounds at a time, whatever the speed at
// which it is played, or false when that is no sweep. It looks at 20 ms.
func (p *PCM) SweepAt(at time.Duration) (position time.Duration, ok bool) {
	return newSweepFinder(p.Samples).place(int(at * SampleRate / time.Second))
}

// Level returns the level between two times, in dB below a full sine's.
func (p *PCM) Level(from, to time.Duration) float64 {
	var power float64
	samples := p.Samples[from*SampleRate/time.Second : to*SampleRate/time.Second]
	for _, x := range samples {
		power += float64(x) * float64(x)
	}
	return 10 * math.Log10(2*power/float64(len(samples)))
}

// span is the samples from, from+1, …, to-1.
type span struct{ from, to int }

// loud lists the places without a hole.
func (p *PCM) loud() []span {
	levels := make([]float64, 0, len(p.Samples)/holeHop)
	for at := 0; at+holeWindow <= len(p.Samples); at += holeHop {
		var power float64
		for _, x := range p.Samples[at : at+holeWindow] {
			power += float64(x) * float64(x)
		}
		levels = append(levels, math.Sqrt(2*power/holeWindow))
	}
	if len(levels) == 0 {
		return nil
	}
	usual := percentile(slices.Sorted(slices.Values(levels)), 75)
	threshold := max(holeLevel*usual, minAmplitude)
	var spans []span
	quiet := true
	for i, level := range levels {
		at := i*holeHop + holeWindow/2
		switch {
		case level < threshold:
			quiet = true
		case quiet:
			spans = append(spans, span{at - holeHop/2, at + holeHop/2})
			quiet = false
		default:
			spans[len(spans)-1].to = at + holeHop/2
		}
	}
	return spans
}

// sweepFinder finds the place in the sweep of what sounds around a sample.
type sweepFinder struct {
	samples []float32
	window  *hann
	// expected is the frequency near which the last one was.
	expected float64
}

func newSweepFinder(samples []float32) *sweepFinder {
	return &sweepFinder{samples: samples, window: newHann(sweepWindow), expected: sweepStart}
}

// place is the place in the sweep of what sounds around a sample; ok is false when
// that is no sweep.
func (f *sweepFinder) place(center int) (at time.Duration, ok bool) {
	frequency, ok := f.refine(center)
	if !ok {
		f.expected = f.search(center)
		frequency, ok = f.refine(center)
	}
	if !ok {
		return 0, false
	}
	f.expected = frequency
	return seconds((frequency - sweepStart) / sweepRate), true
}

// refine measures a frequency within 50 Hz of the expected one.
func (f *sweepFinder) refine(center int) (frequency float64, ok bool) {
	before, purityBefore := f.demodulate(center - sweepLag/2)
	after, purityAfter := f.demodulate(center + sweepLag/2)
	if min(purityBefore, purityAfter) < 0.5 {
		return 0, false
	}
	turn := math.Atan2(after.im*before.re-after.re*before.im, after.re*before.re+after.im*before.im)
	return f.expected + turn/(2*math.Pi)*SampleRate/sweepLag, true
}

type phasor struct{ re, im float64 }

// demodulate is what sounds around a sample at the expected frequency, and its share
// of all that sounds there.
func (f *sweepFinder) demodulate(center int) (phasor, float64) {
	var sum phasor
	var power float64
	step := 2 * math.Pi * f.expected / SampleRate
	start := center - sweepWindow/2
	// One turn of the phase for each sample, from the phase of the first.
	re, im := math.Cos(step*float64(start)), -math.Sin(step*float64(start))
	turnRe, turnIm := math.Cos(step), -math.Sin(step)
	for i, w := range f.window.weights {
		if j := start + i; j >= 0 && j < len(f.samples) {
			x := w * float64(f.samples[j])
			power += x * x
			sum.re += x * re
			sum.im += x * im
		}
		re, im = re*turnRe-im*turnIm, re*turnIm+im*turnRe
	}
	if power == 0 {
		return sum, 0
	}
	amplitude := math.Hypot(sum.re, sum.im) / f.window.gain
	return sum, amplitude * amplitude / 2 / (power / f.window.energy)
}

// search is the loudest frequency around a sample, exact to 40 Hz.
func (f *sweepFinder) search(center int) float64 {
	const step = 80
	var windowed [sweepWindow]float64
	for i, w := range f.window.weights {
		if j := center - sweepWindow/2 + i; j >= 0 && j < len(f.samples) {
			windowed[i] = w * float64(f.samples[j])
		}
	}
	best, loudest := sweepStart, 0.0
	for frequency := sweepStart; frequency <= sweepStart+sweepRate*sweepLength; frequency += step {
		if m := newGoertzel(frequency, SampleRate).magnitude(windowed[:]); m > loudest {
			best, loudest = frequency, m
		}
	}
	return best
}

// sweepPart is one hop after another in one place.
type sweepPart struct {
	from, to int // the first and the last hop, in samples
	offsets  time.Duration
	hops     int
}

func (r sweepPart) offset() time.Duration { return r.offsets / time.Duration(r.hops) }

func (r sweepPart) near(offset time.Duration) bool {
	return (offset - r.offset()).Abs() <= sweepTolerance
}

// split finds the stretches in a place without a hole.
func (f *sweepFinder) split(s span) []Stretch {
	var stretches []Stretch
	for _, r := range mergeRuns(f.parts(s)) {
		// The windows of the first and the last hop reach a little further.
		if r.from-s.from <= sweepReach {
			r.from = s.from
		}
		if s.to-r.to <= sweepReach {
			r.to = s.to
		}
		start := samplesToDuration(int64(r.from))
		stretches = append(stretches, Stretch{
			Start: start, End: samplesToDuration(int64(r.to)), Position: start - r.offset(),
		})
	}
	return stretches
}

func (f *sweepFinder) parts(s span) []sweepPart {
	var runs []sweepPart
	broken := true
	for center := s.from + sweepReach/2; center <= s.to-sweepReach/2; center += sweepHop {
		place, ok := f.place(center)
		if !ok {
			broken = true
			continue
		}
		offset := samplesToDuration(int64(center)) - place
		if broken || !runs[len(runs)-1].near(offset) {
			runs = append(runs, sweepPart{from: center})
			broken = false
		}
		r := &runs[len(runs)-1]
		r.to, r.offsets, r.hops = center, r.offsets+offset, r.hops+1
	}
	return runs
}

// mergeRuns drops noise, and joins the runs that it cut in two.
func mergeRuns(runs []sweepPart) []sweepPart {
	var merged []sweepPart
	for _, r := range runs {
		if r.hops < sweepRun {
			continue
		}
		if n := len(merged); n > 0 && merged[n-1].near(r.offset()) && r.from-merged[n-1].to <= sweepNoise {
			m := &merged[n-1]
			m.to, m.offsets, m.hops = r.to, m.offsets+r.offsets, m.hops+r.hops
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// CheckSweep reports how stretches differ from length of a sweep played from a
// position without a break, each end within tolerance of where it should be.
func CheckSweep(stretches []Stretch, from, length, tolerance time.Duration) error {
	if len(stretches) != 1 {
		return fmt.Errorf("heard %d stretches of the sweep, want 1: %v", len(stretches), stretches)
	}
	var errs []error
	s := stretches[0]
	if s.Start.Abs() > tolerance || (s.End-length).Abs() > tolerance {
		errs = append(errs, fmt.Errorf("sweep from %v to %v, want 0 to %v", s.Start, s.End, length))
	}
	if (s.Offset() + from).Abs() > tolerance {
		errs = append(errs, fmt.Errorf("sweep at %v is at position %v, want %v", s.Start, s.Position, from+s.Start))
	}
	return errors.Join(errs...)
}
