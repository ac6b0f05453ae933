package rtmp

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
)

// soundLength is how much sound waits at most: the lag, a long frame, and what
// comes while a publication is stuck.
const soundLength = container.SampleRate // one second, in samples

// pcmLine is a line of samples that frames are put on at their times, and that is
// taken off in order. What no frame covers is silence.
type pcmLine struct {
	ring [soundLength * container.SampleSize]byte // by sample number, modulo; zero beyond the last frame
	next int64                                    // the sample to be read next
	end  int64                                    // where the last frame ended
	out  [soundLength * container.SampleSize]byte // the result of read, until the next one
}

// reset forgets everything and goes on at a sample.
func (l *pcmLine) reset(next int64) {
	clear(l.ring[:])
	l.next, l.end = next, next
}

// samplesIn is the number of samples in a time, rounded. The seconds are apart
// because a product with nanoseconds is too large after two days.
func samplesIn(d time.Duration) int64 {
	part := d % time.Second
	return int64(d/time.Second)*container.SampleRate + int64((part*container.SampleRate+time.Second/2)/time.Second)
}

func timeOf(sample int64) time.Duration {
	part := time.Duration(sample % container.SampleRate)
	return time.Duration(sample/container.SampleRate)*time.Second + part*time.Second/container.SampleRate
}

// put places a frame. What is too late for the line, or too early, is cut off.
func (l *pcmLine) put(at time.Duration, pcm []byte) {
	first := samplesIn(at)
	if gap := timeOf(first - l.end); gap.Abs() <= sameInstant {
		first = l.end
	}
	l.end = first + int64(len(pcm)/container.SampleSize)
	if late := l.next - first; late > 0 {
		pcm = pcm[min(int64(len(pcm)), late*container.SampleSize):]
		first = l.next
	}
	room := max(0, l.next+soundLength-first)
	pcm = pcm[:min(int64(len(pcm)), room*container.SampleSize)]
	n := copy(l.ring[first%soundLength*container.SampleSize:], pcm)
	copy(l.ring[:], pcm[n:])
}

// read returns all that comes before a time, and where it begins. What has waited
// for too long is left out.
func (l *pcmLine) read(before time.Duration) (at time.Duration, pcm []byte) {
	end := samplesIn(before)
	if end <= l.next {
		return 0, nil
	}
	if lost := end - soundLength - l.next; lost > 0 {
		l.off(min(lost, soundLength))
		l.next = end - soundLength
	}
	at = timeOf(l.next)
	return at, l.off(end - l.next)
}

// off takes up to a second off the line and leaves silence behind.
func (l *pcmLine) off(samples int64) []byte {
	out := l.out[:samples*container.SampleSize]
	from := l.ring[l.next%soundLength*container.SampleSize:]
	n := copy(out, from)
	clear(from[:n])
	copy(out[n:], l.ring[:])
	clear(l.ring[:len(out)-n])
	l.next += samples
	return out
}
