package sfutest

import (
	"math"
	"math/cmplx"
)

// dominant returns the frequency of a window of sound that is one tone.
func dominant(wave []float64) (frequency float64, ok bool) {
	bins := make([]complex128, window)
	for i, v := range wave {
		hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
		bins[i] = complex(v*hann, 0)
	}
	transform(bins)
	var energy [window / 2]float64
	total, top := 0.0, lowest
	for i := range energy {
		energy[i] = real(bins[i])*real(bins[i]) + imag(bins[i])*imag(bins[i])
		total += energy[i]
		if i > lowest && i < len(energy)-2 && energy[i] > energy[top] {
			top = i
		}
	}
	// A Hann window spreads a tone over four bins, and its peak is amplitude * window/4.
	peak := energy[top-2] + energy[top-1] + energy[top] + energy[top+1] + energy[top+2]
	if math.Sqrt(energy[top])*4/window < minLevel || peak < minPurity*total {
		return 0, false
	}
	// A parabola through the logarithms around the peak has its top at the frequency.
	left, mid, right := math.Log(energy[top-1]), math.Log(energy[top]), math.Log(energy[top+1])
	return (float64(top) + (left-right)/(2*(left-2*mid+right))) * binSize, true
}

// transform is the radix-2 fast Fourier transform, in place.
func transform(x []complex128) {
	for i, j := 1, 0; i < len(x); i++ {
		bit := len(x) >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= len(x); size <<= 1 {
		step := cmplx.Rect(1, -2*math.Pi/float64(size))
		for start := 0; start < len(x); start += size {
			w := complex(1, 0)
			for k := range size / 2 {
				even, odd := x[start+k], w*x[start+k+size/2]
				x[start+k], x[start+k+size/2] = even+odd, even-odd
				w *= step
			}
		}
	}
}
