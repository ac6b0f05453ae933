package wire

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// historySize is how many video packets can be retransmitted: three seconds
	// at the default bitrate, more than any viewer waits for one.
	historySize = 256
	// A packet is retransmitted at most maxRepeats times, and not before the
	// last copy can have arrived: a round trip, where it is known, of minRepeat
	// to maxRepeat. Servers ask each 20 to 100 ms.
	maxRepeats = 4
	minRepeat  = 20 * time.Millisecond
	maxRepeat  = 500 * time.Millisecond
	// minBudget is how many bytes a second may be retransmitted in any case:
	// 500 kbit/s. Otherwise it is as much as the media.
	minBudget = 500_000 / 8
	// osnSize is the original sequence number before an RTX payload (RFC 4588
	// section 4).
	osnSize = 2
)

// history stores recent packets of a stream and retransmits them over RTX when a
// NACK asks (RFC 4588). Every retransmission gets a new RTX sequence number: one
// that is used twice would be an SRTP nonce used twice.
type history struct {
	packets []storedPacket // historySize of them from the first picture on
	header  rtp.Header     // of the RTX stream
	rtx     uint8          // its payload type for what is stored next
	count   uint64         // retransmissions
	budget  budget
}

type storedPacket struct {
	sequence  uint16
	timestamp uint32
	marker    bool
	rtx       uint8 // the payload type of a retransmission
	repeats   int
	repeated  time.Time // when it was retransmitted last
	payload   []byte    // original sequence number and payload; nil: none yet
}

// store copies a packet that was sent.
func (h *history) store(header *rtp.Header, payload []byte, now time.Time) {
	if h.packets == nil {
		h.packets = make([]storedPacket, historySize)
	}
	p := &h.packets[header.SequenceNumber%historySize]
	p.sequence, p.timestamp, p.marker = header.SequenceNumber, header.Timestamp, header.Marker
	p.rtx, p.repeats, p.repeated = h.rtx, 0, time.Time{}
	p.payload = binary.BigEndian.AppendUint16(p.payload[:0], header.SequenceNumber)
	p.payload = append(p.payload, payload...)
	h.budget.sent(len(payload), now)
}

// lost returns the packet to retransmit for a lost one, or nil when it is too old, was
// repeated often or just now, or exceeds the budget.
func (h *history) lost(sequence uint16, now time.Time, roundTrip time.Duration) *storedPacket {
	if h.packets == nil {
		return nil
	}
	p := &h.packets[sequence%historySize]
	switch {
	case len(p.payload) <= osnSize, p.sequence != sequence, p.repeats == maxRepeats,
		now.Sub(p.repeated) < min(max(roundTrip, minRepeat), maxRepeat),
		!h.budget.spend(len(p.payload), now):
		return nil
	}
	p.repeats++
	p.repeated = now
	return p
}

// budget is a token bucket of bytes that may be retransmitted. It holds at most one
// second's worth of the media's rate, or of minBudget if that is more.
type budget struct {
	tokens float64
	at     time.Time // when the tokens were counted last

	second        time.Time // when this second of media began
	this, earlier int       // bytes of media in it, and in the one before
}

// sent records media that was sent.
func (b *budget) sent(size int, now time.Time) {
	b.turn(now)
	b.this += size
}

// spend reports whether size bytes may be retransmitted, and if so takes them out of
// the budget.
func (b *budget) spend(size int, now time.Time) bool {
	b.turn(now)
	rate := float64(max(b.this, b.earlier, minBudget))
	b.tokens = min(b.tokens+rate*now.Sub(b.at).Seconds(), rate)
	b.at = now
	if b.tokens < float64(size) {
		return false
	}
	b.tokens -= float64(size)
	return true
}

// turn begins another second when one is over.
func (b *budget) turn(now time.Time) {
	switch age := now.Sub(b.second); {
	case age >= 2*time.Second:
		b.second, b.this, b.earlier = now, 0, 0
	case age >= time.Second:
		b.second, b.this, b.earlier = b.second.Add(time.Second), 0, b.this
	}
}

// retransmit answers a NACK. While pictures are withheld nothing is retransmitted
// either.
func (s *Sender) retransmit(nack *rtcp.TransportLayerNack) error {
	now, roundTrip := time.Now(), s.reception.last().RoundTrip
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.video == nil || s.writer == nil || s.video.gate.withholding() {
		return nil
	}
	history := &s.video.history
	var err error
	for i := range nack.Nacks {
		nack.Nacks[i].Range(func(sequence uint16) bool {
			p := history.lost(sequence, now, roundTrip)
			if p == nil {
				return true
			}
			h := &history.header
			h.PayloadType, h.Timestamp, h.Marker = p.rtx, p.timestamp, p.marker
			if _, err = s.writer.WriteRTP(h, p.payload); err != nil {
				return false
			}
			h.SequenceNumber++
			history.count++
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}
