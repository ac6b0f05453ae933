package wire

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	// historySize is how many video packets can be sent again: three seconds at
	// the default bitrate, more than any viewer waits for one.
	historySize = 256
	// A packet is sent again at most maxRepeats times, and not before the one
	// before can have arrived: a round trip, where it is known, of
	// resendAfterLeast to resendAfterMost. Servers ask each 20 to 100 ms.
	maxRepeats       = 4
	resendAfterLeast = 20 * time.Millisecond
	resendAfterMost  = 500 * time.Millisecond
	// leastBudget is how many bytes a second may be sent again in any case:
	// 500 kbit/s. Otherwise it is as much as the media.
	leastBudget = 500_000 / 8
	// osnSize is the original sequence number before an RTX payload (RFC 4588
	// section 4).
	osnSize = 2
)

// history keeps the last packets of a stream and sends those again that a NACK
// names, on a stream of their own (RFC 4588). That stream counts its packets one
// by one, however often one is sent: a sequence number used twice would be an
// SRTP nonce used twice.
type history struct {
	slots  [historySize]sentPacket
	header rtp.Header // of the RTX stream
	count  uint64     // packets sent again
	budget budget
}

type sentPacket struct {
	sequence  uint16
	timestamp uint32
	marker    bool
	repeats   int
	again     time.Time // when it was sent again last
	payload   []byte    // original sequence number and payload; nil: none yet
}

// keep copies a packet that was sent.
func (h *history) keep(header *rtp.Header, payload []byte, now time.Time) {
	slot := &h.slots[header.SequenceNumber%historySize]
	slot.sequence, slot.timestamp, slot.marker = header.SequenceNumber, header.Timestamp, header.Marker
	slot.repeats, slot.again = 0, time.Time{}
	slot.payload = binary.BigEndian.AppendUint16(slot.payload[:0], header.SequenceNumber)
	slot.payload = append(slot.payload, payload...)
	h.budget.spent(len(payload), now)
}

// lost returns a packet that may be sent again, or nil.
func (h *history) lost(sequence uint16, now time.Time, trip time.Duration) *sentPacket {
	slot := &h.slots[sequence%historySize]
	switch {
	case len(slot.payload) <= osnSize, slot.sequence != sequence, slot.repeats == maxRepeats,
		now.Sub(slot.again) < min(max(trip, resendAfterLeast), resendAfterMost),
		!h.budget.take(len(slot.payload), now):
		return nil
	}
	slot.repeats++
	slot.again = now
	return slot
}

// budget is a token bucket of bytes that may be sent again. It holds one second's
// worth at most, of the media's rate or leastBudget.
type budget struct {
	tokens float64
	at     time.Time // when the tokens were counted last

	second        time.Time // when this second of media began
	this, earlier int       // bytes of media in it, and in the one before
}

// spent notes media that was sent.
func (b *budget) spent(size int, now time.Time) {
	b.turn(now)
	b.this += size
}

// take reports whether size bytes may be sent again, and takes them if so.
func (b *budget) take(size int, now time.Time) bool {
	b.turn(now)
	rate := float64(max(b.this, b.earlier, leastBudget))
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

// resend answers a NACK. While pictures are withheld nothing is sent again either.
func (s *Sender) resend(nack *rtcp.TransportLayerNack) error {
	now, trip := time.Now(), s.reception.last().RoundTrip
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.video == nil || s.writer == nil || s.video.gate.shut() {
		return nil
	}
	history := &s.video.history
	var err error
	for i := range nack.Nacks {
		nack.Nacks[i].Range(func(sequence uint16) bool {
			p := history.lost(sequence, now, trip)
			if p == nil {
				return true
			}
			h := &history.header
			h.Timestamp, h.Marker = p.timestamp, p.marker
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
