package mediatest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/rtp"
)

// Packet is what the judges need of an RTP packet and its arrival.
type Packet struct {
	SSRC           uint32
	PayloadType    uint8
	SequenceNumber uint16
	Timestamp      uint32
	Marker         bool
	Arrival        time.Time
	// Payload is without RTP padding; empty in a packet of padding only.
	Payload []byte
}

// NewPacket copies what is needed of p, which the caller may then reuse.
func NewPacket(p *rtp.Packet, arrival time.Time) Packet {
	return Packet{
		SSRC:           p.SSRC,
		PayloadType:    p.PayloadType,
		SequenceNumber: p.SequenceNumber,
		Timestamp:      p.Timestamp,
		Marker:         p.Marker,
		Arrival:        arrival,
		Payload:        slices.Clone(p.Payload),
	}
}

// Report is what the headers of one track's packets, in order of arrival, say.
type Report struct {
	Packets int
	// SSRCs are in order of appearance.
	SSRCs []uint32
	// Lost counts the sequence numbers missing between the first and the last.
	Lost int
	// Duplicates counts packets whose sequence number had come before.
	Duplicates int
	// Reordered counts packets that came after a later one.
	Reordered int
	// Step is the mean difference between one timestamp and the next, in
	// clock units, over packets with a payload.
	Step float64
}

// Inspect reads the headers of one track.
func Inspect(packets []Packet) Report {
	report := Report{Packets: len(packets)}
	if len(packets) == 0 {
		return report
	}
	seen := make(map[int64]bool)
	last := int64(packets[0].SequenceNumber)
	first, highest := last, last
	for i, p := range packets {
		if !slices.Contains(report.SSRCs, p.SSRC) {
			report.SSRCs = append(report.SSRCs, p.SSRC)
		}
		last += int64(int16(p.SequenceNumber - uint16(last)))
		switch {
		case seen[last]:
			report.Duplicates++
		case i > 0 && last < highest:
			report.Reordered++
		}
		seen[last] = true
		first, highest = min(first, last), max(highest, last)
	}
	report.Lost = int(highest-first) + 1 - len(seen)
	var timestamps []int64
	for _, p := range unwrapTimestamps(packets) {
		timestamps = append(timestamps, p.time)
	}
	slices.Sort(timestamps)
	if timestamps = slices.Compact(timestamps); len(timestamps) > 1 {
		report.Step = float64(timestamps[len(timestamps)-1]-timestamps[0]) / float64(len(timestamps)-1)
	}
	return report
}

// Err is nil when the packets are from one source, complete and in order.
func (r Report) Err() error {
	var errs []error
	if len(r.SSRCs) != 1 {
		errs = append(errs, fmt.Errorf("%d SSRCs, want 1: %d", len(r.SSRCs), r.SSRCs))
	}
	if r.Lost+r.Duplicates+r.Reordered > 0 {
		errs = append(errs, fmt.Errorf("of %d packets: %d lost, %d duplicated, %d reordered",
			r.Packets, r.Lost, r.Duplicates, r.Reordered))
	}
	return errors.Join(errs...)
}

// timed is a packet with its timestamp made monotonic across the wrap of 32
// bits; the first packet's own stays as it is.
type timed struct {
	Packet
	time int64
}

// unwrapTimestamps leaves out packets of padding only, and keeps the order.
func unwrapTimestamps(packets []Packet) []timed {
	var out []timed
	for _, p := range packets {
		if len(p.Payload) == 0 {
			continue
		}
		at := int64(p.Timestamp)
		if n := len(out); n > 0 {
			previous := out[n-1].time
			at = previous + int64(int32(p.Timestamp-uint32(previous)))
		}
		out = append(out, timed{p, at})
	}
	return out
}

// inSequence returns the packets by sequence number, each once.
func inSequence(packets []Packet) []Packet {
	type numbered struct {
		Packet
		seq int64
	}
	all := make([]numbered, 0, len(packets))
	var last int64
	for i, p := range packets {
		if i == 0 {
			last = int64(p.SequenceNumber)
		}
		last += int64(int16(p.SequenceNumber - uint16(last)))
		all = append(all, numbered{p, last})
	}
	slices.SortStableFunc(all, func(a, b numbered) int { return cmp.Compare(a.seq, b.seq) })
	all = slices.CompactFunc(all, func(a, b numbered) bool { return a.seq == b.seq })
	out := make([]Packet, len(all))
	for i, n := range all {
		out[i] = n.Packet
	}
	return out
}
