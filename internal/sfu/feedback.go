package sfu

import (
	"github.com/pion/rtcp"
)

// Feedback is what may be odd about the transport-wide feedback of a server
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). The zero value is libwebrtc's.
type Feedback struct {
	// Video names the first video SSRC, instead of the one of audio.
	Video bool
	// FixedCount leaves the count of feedback packets at zero.
	FixedCount bool
	// Coarse reports the first packet as if it had come at the reference time, a
	// multiple of 64 ms: all times of one feedback packet are up to 64 ms too early, as
	// they are from Telegram's test SFU.
	Coarse bool
	// Reference is added to the reference time, in units of 64 ms. 1<<24 of them are a
	// cycle: a value a little below makes it wrap.
	Reference uint32
	// Swap sends each two feedback packets in reverse order.
	Swap bool
}

// referenceMask is the 24 bits of the reference time.
const referenceMask = 1<<24 - 1

// SetFeedback changes what is odd about the feedback from the next packet on.
func (p *Participant) SetFeedback(f Feedback) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.odd = f
}

// buildFeedback says when which transport-wide numbers came since the last time.
func (p *Participant) buildFeedback() []rtcp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	pkts := p.twcc.BuildFeedbackPacket()
	for _, pkt := range pkts {
		if fb, ok := pkt.(*rtcp.TransportLayerCC); ok {
			p.spoil(fb)
		}
	}
	if p.odd.Swap && len(p.delayed) == 0 {
		p.delayed = pkts
		return nil
	}
	pkts = append(pkts, p.delayed...)
	p.delayed = nil
	return pkts
}

func (p *Participant) spoil(fb *rtcp.TransportLayerCC) {
	if p.odd.Video && len(p.req.Layers) > 0 {
		fb.MediaSSRC = p.req.Layers[0].Media
	}
	if p.odd.FixedCount {
		fb.FbPktCount = 0
	}
	if p.odd.Coarse && len(fb.RecvDeltas) > 0 {
		fb.RecvDeltas[0].Delta = 0
	}
	fb.ReferenceTime = (fb.ReferenceTime + p.odd.Reference) & referenceMask
}
