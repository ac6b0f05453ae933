package sfu

import (
	"encoding/json"

	"github.com/pion/rtcp"
)

// smallestHeight is what a receiver must ask for to get video: production's clients
// know 180, 360 and 720.
const smallestHeight = 180

// constraints are the heights a receiver wants of the others' video, by endpoint.
type constraints struct {
	others int
	of     map[string]int
}

func (w *constraints) height(endpoint string) int {
	if w == nil {
		return 0
	}
	if height, ok := w.of[endpoint]; ok {
		return height
	}
	return w.others
}

// wants reports whether the participant receives another one's video. Telegram's test
// SFU sends it to those who asked for it.
func (p *Participant) wants(from *Participant) bool {
	return !p.cfg.Strict || p.constraints.Load().height(from.endpoint) >= smallestHeight
}

func (p *Participant) isVideo(ssrc uint32) bool {
	for _, layer := range p.req.Layers {
		if ssrc == layer.Media || ssrc == layer.RTX {
			return true
		}
	}
	return false
}

// onMessage applies the constraints that a message of the client's data channel carries.
func (p *Participant) onMessage(msg DataMessage) {
	if !p.cfg.Strict {
		return
	}
	type limit struct {
		MaxHeight int `json:"maxHeight"`
	}
	var request struct {
		Class    string           `json:"colibriClass"`
		Default  limit            `json:"defaultConstraints"`
		Endpoint map[string]limit `json:"constraints"`
	}
	err := json.Unmarshal([]byte(msg.Text), &request)
	if msg.Binary || err != nil || request.Class == "" {
		p.violate("data message", "%.60q has no colibriClass", msg.Text)
		return
	}
	if request.Class != "ReceiverVideoConstraints" {
		return
	}
	w := &constraints{others: request.Default.MaxHeight, of: make(map[string]int, len(request.Endpoint))}
	for endpoint, c := range request.Endpoint {
		w.of[endpoint] = c.MaxHeight
	}
	p.constraints.Store(w)
	p.call.constraintsChanged()
}

// relayKeyFrameRequests passes a receiver's request for a key frame to the sender. NACKs
// are answered here, as in production.
func (p *Participant) relayKeyFrameRequests(pkts []rtcp.Packet) {
	if !p.cfg.Forward {
		return
	}
	for _, pkt := range pkts {
		switch wish := pkt.(type) {
		case *rtcp.PictureLossIndication:
			p.call.requestKeyFrameOf(p, wish.MediaSSRC)
		case *rtcp.FullIntraRequest:
			for _, entry := range wish.FIR {
				p.call.requestKeyFrameOf(p, entry.SSRC)
			}
		}
	}
}

// constraintsChanged sends the senders whose ideal height has changed a new one.
func (s *SFU) constraintsChanged() {
	if !s.cfg.Strict || !s.cfg.Forward {
		return
	}
	everyone := s.fanout.Load().participants
	for _, sender := range everyone {
		ideal := 0
		for _, receiver := range everyone {
			if receiver != sender {
				ideal = max(ideal, receiver.constraints.Load().height(sender.endpoint))
			}
		}
		sender.setIdealHeight(ideal)
	}
}

// setIdealHeight sends the client a new ideal height, and requests a key frame when
// somebody begins to watch.
func (p *Participant) setIdealHeight(ideal int) {
	p.mu.Lock()
	before := p.idealHeight
	p.idealHeight = ideal
	p.mu.Unlock()
	if ideal == before {
		return
	}
	if err := p.SendVideoConstraints(ideal); err != nil {
		p.log.Debug("send constraints", "error", err) // sendConstraints repeats them
	}
	if ideal < smallestHeight {
		return
	}
	if err := p.RequestKeyFrame(); err != nil {
		p.log.Debug("request key frame", "error", err)
	}
}

// requestKeyFrameOf asks the sender of an SSRC for a key frame.
func (s *SFU) requestKeyFrameOf(from *Participant, ssrc uint32) {
	for _, p := range s.fanout.Load().participants {
		if p == from || !p.isVideo(ssrc) {
			continue
		}
		if err := p.RequestKeyFrame(); err != nil {
			p.log.Debug("request key frame", "error", err)
		}
	}
}
