package oracle

import (
	"sort"
	"time"

	"github.com/pion/rtcp"
)

// ReporterSSRC is the SSRC of the server's own RTCP.
const ReporterSSRC = 1

const (
	// maxNACKs is how often a number is asked for.
	maxNACKs = 10
	// maxWanted bounds what a gap may make us ask for.
	maxWanted = 512
)

// ReceiverReport returns a report on every declared stream that has sent, or nil if none
// has.
func (o *Oracle) ReceiverReport(now time.Time) *rtcp.ReceiverReport {
	report := &rtcp.ReceiverReport{SSRC: ReporterSSRC}
	for _, s := range o.sorted() {
		report.Reports = append(report.Reports, s.reception(now))
	}
	if len(report.Reports) == 0 {
		return nil
	}
	return report
}

// sorted returns the declared streams that have sent, by SSRC.
func (o *Oracle) sorted() []*stream {
	var list []*stream
	for _, s := range o.streams {
		if s.stats.Packets > 0 && s.stats.Kind != Undeclared {
			list = append(list, s)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ssrc < list[j].ssrc })
	return list
}

// reception is one report block (RFC 3550 §6.4.1 and appendix A.3).
func (s *stream) reception(now time.Time) rtcp.ReceptionReport {
	expected := uint64(s.seq.highest - s.seq.base + 1)
	received := s.seq.received
	newly, arrived := expected-s.reported.expected, received-s.reported.received
	s.reported = reportBase{expected: expected, received: received}
	block := rtcp.ReceptionReport{
		SSRC:               s.ssrc,
		TotalLost:          uint32(min(s.seq.lost(), 1<<23-1)),
		LastSequenceNumber: uint32(s.seq.highest - 1<<16),
		Jitter:             uint32(s.stats.Jitter),
	}
	if newly > arrived {
		block.FractionLost = uint8(min((newly-arrived)*256/newly, 255))
	}
	if r := s.stats.LastReport; r != nil {
		block.LastSenderReport = uint32(r.NTP >> 16)
		block.Delay = uint32(now.Sub(r.Arrival).Seconds() * 65536)
	}
	return block
}

// NACKs asks for the packets that are missing: those never asked for, and with again
// the others too.
func (o *Oracle) NACKs(again bool) []*rtcp.TransportLayerNack {
	var all []*rtcp.TransportLayerNack
	for _, s := range o.sorted() {
		if nack := s.nack(again); nack != nil {
			all = append(all, nack)
		}
	}
	return all
}

// want notes which numbers a packet shows to be missing, and which it brings.
func (s *stream) want(a arrival, payload []byte) {
	if s.stats.Kind == RTX {
		s.media.recover(payload)
		return
	}
	if s.stats.Kind != Video || a.duplicate {
		return
	}
	if s.wanted == nil {
		s.wanted = map[int64]int{}
	}
	delete(s.wanted, a.number)
	for n := a.number - a.gap; n < a.number && len(s.wanted) < maxWanted; n++ {
		s.wanted[n] = 0
	}
}

// recover takes note of a repeated packet; its payload begins with the original number
// (RFC 4588 §4).
func (s *stream) recover(payload []byte) {
	if len(payload) < OSNSize || !s.seq.started {
		return
	}
	n := s.seq.extend(uint16(payload[0])<<8 | uint16(payload[1]))
	if _, ok := s.wanted[n]; ok {
		delete(s.wanted, n)
		s.stats.Recovered++
	}
}

// nack asks for what is still wanted, for the first time or again.
func (s *stream) nack(again bool) *rtcp.TransportLayerNack {
	if len(s.wanted) == 0 {
		return nil
	}
	numbers := make([]uint16, 0, len(s.wanted))
	for n, asked := range s.wanted {
		if asked > 0 && !again {
			continue
		}
		if asked == maxNACKs {
			delete(s.wanted, n)
			continue
		}
		if asked == 0 {
			s.stats.Nacked++
		}
		s.wanted[n]++
		numbers = append(numbers, uint16(n))
	}
	if len(numbers) == 0 {
		return nil
	}
	sort.Slice(numbers, func(i, j int) bool { return int16(numbers[i]-numbers[j]) < 0 })
	return &rtcp.TransportLayerNack{
		SenderSSRC: ReporterSSRC, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers),
	}
}
