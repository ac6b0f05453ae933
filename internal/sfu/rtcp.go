package sfu

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/pion/rtcp"
)

const (
	// reporterSSRC is who the SFU's RTCP is from.
	reporterSSRC = 1
	// feedbackEvery is the pace of Telegram's test SFU.
	feedbackEvery = 100 * time.Millisecond
	// nackEvery is how soon a missing packet is asked for: libwebrtc's receivers are as
	// quick.
	nackEvery = 20 * time.Millisecond
	// feedbackTicks makes the pace above out of nackEvery.
	feedbackTicks = int(feedbackEvery / nackEvery)
	// reportTicks makes a receiver report each second.
	reportTicks = 10
	// maxNACKs is how often a number is asked for, from the second time on once per
	// feedbackEvery.
	maxNACKs = 10
	// maxWanted bounds what a gap may make us ask for.
	maxWanted = 512
)

// ErrNotConnected is given for sends before Connected.
var ErrNotConnected = errors.New("the participant is not connected")

// SendRTCP encrypts and sends one compound packet.
func (p *Participant) SendRTCP(pkts ...rtcp.Packet) error {
	raw, err := rtcp.Marshal(pkts)
	if err != nil {
		return fmt.Errorf("marshal RTCP: %w", err)
	}
	return p.sendControl(raw, func([]byte) {})
}

// sendControl encrypts and sends; spoil may still change what goes out.
func (p *Participant) sendControl(raw []byte, spoil func([]byte)) error {
	select {
	case <-p.connected:
	default:
		return ErrNotConnected
	}
	t := p.transport
	t.keysMu.Lock()
	secured, err := t.outbound.EncryptRTCP(nil, raw, nil)
	t.keysMu.Unlock()
	if err != nil {
		return fmt.Errorf("encrypt RTCP: %w", err)
	}
	spoil(secured)
	if _, err = t.conn.Write(secured); err != nil {
		return fmt.Errorf("send RTCP: %w", err)
	}
	return nil
}

// sendTransportFeedback tells when which transport-wide numbers came.
func (p *Participant) sendTransportFeedback(blank bool) error {
	for _, pkt := range p.buildFeedback() {
		send := p.SendRTCP
		if p.cfg.Strict {
			send = func(pkts ...rtcp.Packet) error { return p.sendHeadless(pkts[0], blank) }
		}
		if err := send(pkt); err != nil {
			return err
		}
	}
	return nil
}

// sendHeadless sends what Telegram's test SFU sends: its feedback has an RTCP header
// that nobody filled in. On the wire that is RTP of payload type 0. When blank the
// version is gone too, and it is nothing that RFC 7983 knows.
func (p *Participant) sendHeadless(pkt rtcp.Packet, blank bool) error {
	raw, err := pkt.Marshal()
	if err != nil {
		return fmt.Errorf("marshal RTCP: %w", err)
	}
	copy(raw, []byte{0x80, 0, 0, 0})
	return p.sendControl(raw, func(secured []byte) {
		if blank {
			secured[0] = 0
		}
	})
}

// RequestKeyFrame sends a PLI. It names the first layer, whichever sends: so does
// Telegram's test SFU.
func (p *Participant) RequestKeyFrame() error {
	if len(p.req.layers) == 0 {
		return errors.New("the participant declared no video")
	}
	return p.SendRTCP(&rtcp.PictureLossIndication{SenderSSRC: reporterSSRC, MediaSSRC: p.req.layers[0].media})
}

// report sends what a receiver owes a sender, until the participant is gone.
func (p *Participant) report() {
	ticker := time.NewTicker(nackEvery)
	defer ticker.Stop()
	for tick := 1; ; tick++ {
		select {
		case <-p.ctx.Done():
			return
		case now := <-ticker.C:
			// What was asked for before is asked for again at the slower pace.
			all := tick%feedbackTicks == 0
			if all {
				if err := p.sendTransportFeedback(tick/feedbackTicks%2 == 0); err != nil {
					p.log.Debug("send feedback", "error", err)
				}
			}
			for _, pkts := range p.feedback(now, all, tick%(feedbackTicks*reportTicks) == 0) {
				if err := p.SendRTCP(pkts...); err != nil {
					p.log.Debug("send feedback", "error", err)
				}
			}
		}
	}
}

// feedback collects the compound packets that are due: NACKs, again those for what did
// not come, and reports.
func (p *Participant) feedback(now time.Time, again, reports bool) [][]rtcp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	var compounds [][]rtcp.Packet
	streams := p.oracle.sorted()
	if reports {
		if report := receiverReport(streams, now); report != nil {
			compounds = append(compounds, []rtcp.Packet{report})
		}
		if remb := p.remb(); remb != nil {
			compounds = append(compounds, []rtcp.Packet{remb})
		}
	}
	if p.cfg.NACK {
		for _, s := range streams {
			if nack := s.nack(again); nack != nil {
				compounds = append(compounds, []rtcp.Packet{nack})
			}
		}
	}
	return compounds
}

// remb is a limit for all the video there is (draft-alvestrand-rmcat-remb-03).
func (p *Participant) remb() *rtcp.ReceiverEstimatedMaximumBitrate {
	if p.cfg.REMB == 0 || len(p.req.layers) == 0 {
		return nil
	}
	limit := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: reporterSSRC, Bitrate: float32(p.cfg.REMB)}
	for _, layer := range p.req.layers {
		limit.SSRCs = append(limit.SSRCs, layer.media)
	}
	return limit
}

// sorted gives the declared streams that have sent, by SSRC.
func (o *oracle) sorted() []*stream {
	var list []*stream
	for _, s := range o.streams {
		if s.stats.Packets > 0 && s.stats.Kind != Undeclared {
			list = append(list, s)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ssrc < list[j].ssrc })
	return list
}

func receiverReport(streams []*stream, now time.Time) *rtcp.ReceiverReport {
	report := &rtcp.ReceiverReport{SSRC: reporterSSRC}
	for _, s := range streams {
		report.Reports = append(report.Reports, s.reception(now))
	}
	if len(report.Reports) == 0 {
		return nil
	}
	return report
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
	if len(payload) < osnSize || !s.seq.started {
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
		SenderSSRC: reporterSSRC, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers),
	}
}
