package sfu

import (
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/pion/rtcp"
)

const (
	// feedbackEvery is the pace of Telegram's test SFU.
	feedbackEvery = 100 * time.Millisecond
	// nackEvery is how soon a missing packet is asked for: libwebrtc's receivers are as
	// quick.
	nackEvery = 20 * time.Millisecond
	// feedbackTicks makes the pace above out of nackEvery.
	feedbackTicks = int(feedbackEvery / nackEvery)
	// reportTicks makes a receiver report each second.
	reportTicks = 10
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

// sendTransportFeedback reports when which transport-wide numbers arrived.
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
	if len(p.req.Layers) == 0 {
		return errors.New("the participant declared no video")
	}
	return p.SendRTCP(&rtcp.PictureLossIndication{SenderSSRC: oracle.ReporterSSRC, MediaSSRC: p.req.Layers[0].Media})
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
	if reports {
		if report := p.oracle.ReceiverReport(now); report != nil {
			compounds = append(compounds, []rtcp.Packet{report})
		}
		if remb := p.remb(); remb != nil {
			compounds = append(compounds, []rtcp.Packet{remb})
		}
	}
	if p.cfg.NACK {
		for _, nack := range p.oracle.NACKs(again) {
			compounds = append(compounds, []rtcp.Packet{nack})
		}
	}
	return compounds
}

// remb is a limit for all the video there is (draft-alvestrand-rmcat-remb-03).
func (p *Participant) remb() *rtcp.ReceiverEstimatedMaximumBitrate {
	if p.cfg.REMB == 0 || len(p.req.Layers) == 0 {
		return nil
	}
	limit := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: oracle.ReporterSSRC, Bitrate: float32(p.cfg.REMB)}
	for _, layer := range p.req.Layers {
		limit.SSRCs = append(limit.SSRCs, layer.Media)
	}
	return limit
}
