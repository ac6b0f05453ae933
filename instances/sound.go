package instances

import (
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// soundLength is how much sound waits at most: the lag, a long frame, and what
// comes while a publication is stuck.
const soundLength = media.RawSampleRate // one second, in samples

// sound is a line of samples that frames are put on at their times, and that is
// taken off in order. What no frame covers is silence.
type sound struct {
	ring [soundLength * media.RawSampleSize]byte // by sample number, modulo; zero beyond what was put
	next int64                                   // the sample to be taken next
	end  int64                                   // where the last frame ended
	out  [soundLength * media.RawSampleSize]byte // what take returns, until the next take
}

// reset forgets everything and goes on at a sample.
func (s *sound) reset(next int64) {
	clear(s.ring[:])
	s.next, s.end = next, next
}

// samplesIn is the number of samples in a time, rounded. The seconds are apart
// because a product with nanoseconds is too large after two days.
func samplesIn(d time.Duration) int64 {
	part := d % time.Second
	return int64(d/time.Second)*media.RawSampleRate + int64((part*media.RawSampleRate+time.Second/2)/time.Second)
}

func timeOf(sample int64) time.Duration {
	part := time.Duration(sample % media.RawSampleRate)
	return time.Duration(sample/media.RawSampleRate)*time.Second + part*time.Second/media.RawSampleRate
}

// put places a frame. What is too late for the line, or too early, is cut off.
func (s *sound) put(at time.Duration, pcm []byte) {
	first := samplesIn(at)
	if gap := timeOf(first - s.end); gap.Abs() <= sameInstant {
		first = s.end
	}
	s.end = first + int64(len(pcm)/media.RawSampleSize)
	if late := s.next - first; late > 0 {
		pcm = pcm[min(int64(len(pcm)), late*media.RawSampleSize):]
		first = s.next
	}
	room := max(0, s.next+soundLength-first)
	pcm = pcm[:min(int64(len(pcm)), room*media.RawSampleSize)]
	n := copy(s.ring[first%soundLength*media.RawSampleSize:], pcm)
	copy(s.ring[:], pcm[n:])
}

// take returns all that comes before a time, and where it begins. What has waited
// for too long is left out.
func (s *sound) take(before time.Duration) (at time.Duration, pcm []byte) {
	end := samplesIn(before)
	if end <= s.next {
		return 0, nil
	}
	if lost := end - soundLength - s.next; lost > 0 {
		s.off(min(lost, soundLength))
		s.next = end - soundLength
	}
	at = timeOf(s.next)
	return at, s.off(end - s.next)
}

// off takes up to a second off the line and leaves silence behind.
func (s *sound) off(samples int64) []byte {
	out := s.out[:samples*media.RawSampleSize]
	from := s.ring[s.next%soundLength*media.RawSampleSize:]
	n := copy(out, from)
	clear(from[:n])
	copy(out[n:], s.ring[:])
	clear(s.ring[:len(out)-n])
	s.next += samples
	return out
}
