package mediatest

import (
	"errors"
	"math"
	"slices"
	"time"
)

// Drift compares when packets arrived with what their timestamps say.
type Drift struct {
	// Slope is seconds of arrival for each second of RTP time, by linear
	// regression over the earliest packets: 1.001 is a sender that is 1 ms late
	// after each second.
	Slope float64
	// Span is the RTP time from the first packet to the last.
	Span time.Duration
	// P50, P99 and Max are how far arrivals are from that line, either way.
	P50, P99, Max time.Duration
}

// MeasureDrift uses the first packet of each timestamp of one track whose
// clock has rate ticks a second. The slope is that of the packets that came
// earliest, in each of up to 40 stretches of equal length: a machine that is busy
// delays packets, which is no drift, and brings none too early.
func MeasureDrift(packets []Packet, rate uint32) (Drift, error) {
	var x, y []float64 // seconds
	seen := make(map[int64]bool)
	for _, p := range unwrapTimestamps(packets) {
		if seen[p.time] {
			continue
		}
		seen[p.time] = true
		x = append(x, float64(p.time)/float64(rate))
		y = append(y, p.Arrival.Sub(packets[0].Arrival).Seconds())
	}
	if len(x) < 3 {
		return Drift{}, errors.New("measure drift: fewer than three timestamps")
	}
	slope, intercept := fitLine(earliest(x, y))
	residuals := make([]float64, len(x))
	for i := range x {
		residuals[i] = math.Abs(y[i] - intercept - slope*x[i])
	}
	slices.Sort(residuals)
	return Drift{
		Slope: slope,
		Span:  seconds(slices.Max(x) - slices.Min(x)),
		P50:   seconds(percentile(residuals, 50)),
		P99:   seconds(percentile(residuals, 99)),
		Max:   seconds(residuals[len(residuals)-1]),
	}, nil
}

// earliest picks the points that are lowest above a slope of 1, one from each
// stretch of x, or all where there are few.
func earliest(x, y []float64) (ex, ey []float64) {
	const stretches = 40
	if len(x) < 4*stretches {
		return x, y
	}
	first, span := slices.Min(x), slices.Max(x)-slices.Min(x)
	best := make([]int, stretches)
	for i := range best {
		best[i] = -1
	}
	for i := range x {
		s := min(stretches-1, int((x[i]-first)/span*stretches))
		if b := best[s]; b < 0 || y[i]-x[i] < y[b]-x[b] {
			best[s] = i
		}
	}
	for _, i := range best {
		if i >= 0 {
			ex, ey = append(ex, x[i]), append(ey, y[i])
		}
	}
	return ex, ey
}

// fitLine is the line of least squares, by sums about the means: RTP time
// starts anywhere, and squares of large numbers lose the small ones.
func fitLine(x, y []float64) (slope, intercept float64) {
	mx, my := mean(x), mean(y)
	var sxx, sxy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	slope = sxy / sxx
	return slope, my - slope*mx
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// percentile is by nearest rank; sorted is not empty.
func percentile(sorted []float64, p int) float64 {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
