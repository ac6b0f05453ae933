package record

import (
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// speaker is one stream of a recording on its path into a file: its packets wait until
// the timeline has settled where they belong.
type speaker struct {
	line    timeline
	waiting []packet
	free    [][]byte // buffers of packets that have been written

	ssrc  uint32
	since time.Duration // arrival of the first packet
	last  time.Duration // arrival of the last
	file  *file         // nil while it waits for the user to become known
}

// packet is a packet that waits.
type packet struct {
	stamp  stamp
	data   []byte
	length int64 // in samples
	quiet  bool
}

// add takes a frame that arrived at an instant of the recording.
func (s *speaker) add(r media.Received, arrival time.Duration) {
	var data []byte
	if n := len(s.free); n > 0 {
		data, s.free = s.free[n-1][:0], s.free[:n-1]
	}
	s.waiting = append(s.waiting, packet{
		stamp:  s.line.add(r.RTPTime, arrival),
		data:   append(data, r.Data...),
		length: samplesIn(r.Duration),
		quiet:  r.Silent(),
	})
}

// write writes the packets that are settled at an instant.
func (s *speaker) write(now time.Duration) {
	done := 0
	for _, p := range s.waiting {
		if !s.line.settled(p.stamp, now) {
			break
		}
		at := s.line.place(p.stamp, p.quiet)
		s.file.out.place(p, at)
		if !p.quiet {
			s.file.spoken(s.ssrc, at, samples(p.length))
		}
		s.free = append(s.free, p.data)
		done++
	}
	s.waiting = append(s.waiting[:0], s.waiting[done:]...)
}

// place writes a packet at a position: behind silence if nothing was written up to
// there, and not at all if more than half of it would lie before what was.
func (o *oggWriter) place(p packet, at time.Duration) {
	gap := samplesIn(at) - (o.end - preSkip)
	if -gap > p.length/2 {
		return
	}
	o.silence(gap, p.data[0]&4 != 0)
	o.packet(p.data, p.length)
}
