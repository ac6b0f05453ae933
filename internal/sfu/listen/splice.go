package listen

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/avc"
	"github.com/gotgcall/gotgcall/internal/sfu/vp8"
	"github.com/pion/rtp"
)

// layerSilence is how long the played layer may be quiet before a lower one takes over.
const layerSilence = time.Second

// writer is a track.
type writer interface{ WriteRTP(pkt *rtp.Packet) error }

// splice joins the streams of one participant after the other, or of one layer after
// the other, into one track whose sequence numbers and timestamps have no seam.
type splice struct {
	track writer
	clock float64

	from      *Source
	ssrc      uint32
	layer     int
	at        time.Time // of the newest packet
	seq       uint16    // newest sent
	timestamp uint32
	addSeq    uint16
	addTime   uint32
	started   bool
}

// writeLayer plays the highest layer that has traffic.
func (s *splice) writeLayer(f Packet, pkt *rtp.Packet, layer int) {
	if s.from == f.From && s.ssrc != pkt.SSRC {
		up := layer > s.layer && startsKeyFrame(pkt)
		idle := len(pkt.Payload) > 0 && f.At.Sub(s.at) > layerSilence
		if !up && !idle {
			return
		}
	}
	s.layer = layer
	s.write(f, pkt)
}

// startsKeyFrame reports whether a key frame begins with a packet.
func startsKeyFrame(pkt *rtp.Packet) bool {
	if pkt.PayloadType != h264PT {
		return vp8.StartsKeyFrame(pkt.Payload)
	}
	unit, err := avc.Parse(pkt.Payload)
	return err == nil && unit.Key
}

func (s *splice) write(f Packet, pkt *rtp.Packet) {
	if s.from != f.From || s.ssrc != pkt.SSRC {
		if len(pkt.Payload) == 0 {
			return // padding begins no stream
		}
		s.join(f, pkt)
	}
	out := &rtp.Packet{Header: pkt.Header, Payload: pkt.Payload}
	// The ids of extensions are another negotiation's.
	out.Extension, out.Extensions, out.ExtensionProfile = false, nil, 0
	out.SequenceNumber += s.addSeq
	out.Timestamp += s.addTime
	if int16(out.SequenceNumber-s.seq) >= 0 {
		s.seq, s.timestamp, s.at = out.SequenceNumber, out.Timestamp, f.At
	}

	// A track nobody has bound yet drops the packet, and one whose connection is gone
	// ends with it.
	_ = s.track.WriteRTP(out)
}

// join makes a new stream go on where the old one was.
func (s *splice) join(f Packet, pkt *rtp.Packet) {
	s.from, s.ssrc = f.From, pkt.SSRC
	if s.started {
		gap := uint32(f.At.Sub(s.at).Seconds() * s.clock)
		s.addSeq = s.seq + 1 - pkt.SequenceNumber
		s.addTime = s.timestamp + gap - pkt.Timestamp
	}
	s.started = true
	s.seq = pkt.SequenceNumber + s.addSeq
}
