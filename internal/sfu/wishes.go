package sfu

import (
	"encoding/json"

	"github.com/pion/rtcp"
)

// smallestHeight is what a receiver must ask for to get video: production's clients
// know 180, 360 and 720.
const smallestHeight = 180

// wishes are the heights a receiver wants of the others' video, by endpoint.
type wishes struct {
	others int
	of     map[string]int
}

func (w *wishes) height(endpoint string) int {
	if w == nil {
		return 0
	}
	if height, ok := w.of[endpoint]; ok {
		return height
	}
	return w.others
}

// wants says whether the participant gets another one's video. Telegram's test SFU
// sends it to who asked for it.
func (p *Participant) wants(from *Participant) bool {
	return !p.cfg.Strict || p.wishes.Load().height(from.endpoint) >= smallestHeight
}

func (p *Participant) isVideo(ssrc uint32) bool {
	for _, layer := range p.req.Layers {
		if ssrc == layer.Media || ssrc == layer.RTX {
			return true
		}
	}
	return false
}

// obey does what a message of the client's data channel asks for.
func (p *Participant) obey(msg DataMessage) {
	if !p.cfg.Strict {
		return
	}
	type constraints struct {
		MaxHeight int `json:"maxHeight"`
	}
	var request struct {
		Class    string                 `json:"colibriClass"`
		Default  constraints            `json:"defaultConstraints"`
		Endpoint map[string]constraints `json:"constraints"`
	}
	err := json.Unmarshal([]byte(msg.Text), &request)
	if msg.Binary || err != nil || request.Class == "" {
		p.violate("data message", "%.60q has no colibriClass", msg.Text)
		return
	}
	if request.Class != "ReceiverVideoConstraints" {
		return
	}
	w := &wishes{others: request.Default.MaxHeight, of: make(map[string]int, len(request.Endpoint))}
	for endpoint, c := range request.Endpoint {
		w.of[endpoint] = c.MaxHeight
	}
	p.wishes.Store(w)
	p.call.wished()
}

// relayWishes passes on a receiver's wish for a key frame. A wish for lost packets
// stays with us, as in production.
func (p *Participant) relayWishes(pkts []rtcp.Packet) {
	if !p.cfg.Forward {
		return
	}
	for _, pkt := range pkts {
		switch wish := pkt.(type) {
		case *rtcp.PictureLossIndication:
			p.call.keyFrameWanted(p, wish.MediaSSRC)
		case *rtcp.FullIntraRequest:
			for _, entry := range wish.FIR {
				p.call.keyFrameWanted(p, entry.SSRC)
			}
		}
	}
}

// wished tells the senders what their receivers want of them by now.
func (s *SFU) wished() {
	if !s.cfg.Strict || !s.cfg.Forward {
		return
	}
	everyone := s.audience.Load().participants
	for _, sender := range everyone {
		ideal := 0
		for _, receiver := range everyone {
			if receiver != sender {
				ideal = max(ideal, receiver.wishes.Load().height(sender.endpoint))
			}
		}
		sender.want(ideal)
	}
}

// want tells the client of a new ideal height, and asks for a key frame when somebody
// begins to watch.
func (p *Participant) want(ideal int) {
	p.mu.Lock()
	before := p.ideal
	p.ideal = ideal
	p.mu.Unlock()
	if ideal == before {
		return
	}
	if err := p.SendVideoConstraints(ideal); err != nil {
		p.log.Debug("send constraints", "error", err) // greet repeats them
	}
	if ideal < smallestHeight {
		return
	}
	if err := p.RequestKeyFrame(); err != nil {
		p.log.Debug("request key frame", "error", err)
	}
}

// keyFrameWanted asks the sender of an SSRC for a key frame.
func (s *SFU) keyFrameWanted(from *Participant, ssrc uint32) {
	for _, p := range s.audience.Load().participants {
		if p == from || !p.isVideo(ssrc) {
			continue
		}
		if err := p.RequestKeyFrame(); err != nil {
			p.log.Debug("request key frame", "error", err)
		}
	}
}
