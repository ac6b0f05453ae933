package peer

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
	// resendAfter is the least time between two retransmissions of a packet:
	// a server repeats its NACKs faster than a packet can arrive.
	resendAfter = 20 * time.Millisecond
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
}

type sentPacket struct {
	sequence  uint16
	timestamp uint32
	marker    bool
	again     time.Time // when it was sent again last
	payload   []byte    // original sequence number and payload; nil: none yet
}

// keep copies a packet that was sent.
func (h *history) keep(header *rtp.Header, payload []byte) {
	slot := &h.slots[header.SequenceNumber%historySize]
	slot.sequence, slot.timestamp, slot.marker = header.SequenceNumber, header.Timestamp, header.Marker
	slot.again = time.Time{}
	slot.payload = binary.BigEndian.AppendUint16(slot.payload[:0], header.SequenceNumber)
	slot.payload = append(slot.payload, payload...)
}

// lost returns a packet that may be sent again, or nil.
func (h *history) lost(sequence uint16, now time.Time) *sentPacket {
	slot := &h.slots[sequence%historySize]
	if len(slot.payload) <= osnSize || slot.sequence != sequence || now.Sub(slot.again) < resendAfter {
		return nil
	}
	slot.again = now
	return slot
}

// resend answers a NACK.
func (t *Track) resend(nack *rtcp.TransportLayerNack) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.history == nil || t.writer == nil {
		return nil
	}
	var err error
	for i := range nack.Nacks {
		nack.Nacks[i].Range(func(sequence uint16) bool {
			p := t.history.lost(sequence, time.Now())
			if p == nil {
				return true
			}
			h := &t.history.header
			h.Timestamp, h.Marker = p.timestamp, p.marker
			if _, err = t.writer.WriteRTP(h, p.payload); err != nil {
				return false
			}
			h.SequenceNumber++
			t.history.count++
			return true
		})
	}
	return err
}
