package mediatest

import "math"

// goertzel measures one frequency (G. Goertzel, 1958).
type goertzel struct{ coefficient float64 }

func newGoertzel(frequency, rate float64) goertzel {
	return goertzel{2 * math.Cos(2*math.Pi*frequency/rate)}
}

// magnitude is the absolute value of the Fourier sum of samples.
func (g goertzel) magnitude(samples []float64) float64 {
	var s1, s2 float64
	for _, x := range samples {
		s1, s2 = x+g.coefficient*s1-s2, s1
	}
	return math.Sqrt(max(0, s1*s1+s2*s2-g.coefficient*s1*s2))
}

// hann is a window that fades in and out, so that a frequency does not leak
// into far ones.
type hann struct {
	weights []float64
	scratch []float64
	// gain is the magnitude of a sine of amplitude 1 under the window.
	gain float64
	// energy is the sum of the squared weights.
	energy float64
}

func newHann(length int) *hann {
	h := &hann{weights: make([]float64, length), scratch: make([]float64, length)}
	for i := range h.weights {
		s := math.Sin(math.Pi * (float64(i) + 0.5) / float64(length))
		h.weights[i] = s * s
		h.gain += h.weights[i] / 2
		h.energy += h.weights[i] * h.weights[i]
	}
	return h
}

// apply returns the samples around center under the window, silence beyond
// either end, and their mean power. The slice is valid until the next call.
func (h *hann) apply(samples []float64, center int) (windowed []float64, power float64) {
	start := center - len(h.weights)/2
	for i, w := range h.weights {
		x := 0.0
		if j := start + i; j >= 0 && j < len(samples) {
			x = w * samples[j]
		}
		h.scratch[i] = x
		power += x * x
	}
	return h.scratch, power / h.energy
}

// decimate averages each n samples into one. The average is a low-pass filter
// good enough for tones far below the new rate.
func decimate(samples []float32, n int) []float64 {
	out := make([]float64, len(samples)/n)
	for i := range out {
		var sum float64
		for _, x := range samples[i*n : (i+1)*n] {
			sum += float64(x)
		}
		out[i] = sum / float64(n)
	}
	return out
}
