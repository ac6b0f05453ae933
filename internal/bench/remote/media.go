package remote

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"golang.org/x/net/ipv4"
)

// What a server of Telegram sends to a client.
const (
	// feedbackEvery is the interval of transport-wide feedback
	// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
	feedbackEvery = 100 * time.Millisecond
	reportEvery   = 10 // of these intervals
	checkEvery    = 20

	transportID = 3 // of the header extension, in every answer

	// slots divide the interval, so that calls are not answered all at once.
	slots = 20
)

// respond sends feedback, reports and checks until the server stops.
func (s *server) respond() {
	ticker := time.NewTicker(feedbackEvery / slots)
	defer ticker.Stop()
	for tick := 0; ; tick++ {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		calls := s.list()
		for i := tick % slots; i < len(calls); i += slots {
			calls[i].respond(tick / slots)
		}
	}
}

// respond sends what is due in an interval.
func (c *call) respond(interval int) {
	c.mu.Lock()
	if c.outbound == nil {
		c.mu.Unlock()
		return
	}
	packets := c.twcc.BuildFeedbackPacket()
	if c.arrivals.audio && interval%reportEvery == 0 {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: reporter, Reports: []rtcp.ReceptionReport{
			{SSRC: c.request.Audio, LastSequenceNumber: uint32(c.arrivals.sequence)},
		}})
	}
	var encrypted [][]byte
	for _, p := range packets {
		raw, err := p.Marshal()
		if err != nil {
			continue
		}
		if raw, err = c.outbound.EncryptRTCP(nil, raw, nil); err == nil {
			encrypted = append(encrypted, raw)
		}
	}
	c.mu.Unlock()
	for _, raw := range encrypted {
		c.send(raw)
	}
	if interval%checkEvery == 0 {
		c.check()
	}
}

// onRTP notes an arrival.
func (c *call) onRTP(b []byte, at time.Time) {
	var h rtp.Header
	if _, err := h.Unmarshal(b); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw := h.GetExtension(transportID); len(raw) >= 2 {
		c.twcc.Record(h.SSRC, binary.BigEndian.Uint16(raw), at.UnixMicro())
	}
	if !h.Padding {
		c.arrivals.add(&h, len(b), h.SSRC == c.request.Audio, at)
	}
}

// isRTCP reports whether a datagram that is RTP or RTCP is the latter (RFC 5761 section 4).
func isRTCP(b []byte) bool { return b[1] >= 192 && b[1] < 224 }

func ssrcOf(b []byte) uint32 { return binary.BigEndian.Uint32(b[8:]) }

// A speaker sends speech: 64 kbit/s in packets of 20 ms.
const (
	speech     = 160
	packetTime = 20 * time.Millisecond
	phases     = 4
)

// speaker is the stream of another participant.
type speaker struct {
	header rtp.Header
	plain  []byte
}

// speak sends what the speakers of all calls say until the server stops.
func (s *server) speak() {
	ticker := time.NewTicker(packetTime / phases)
	defer ticker.Stop()
	out := map[*socket][]ipv4.Message{}
	for tick := 0; ; tick++ {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		n := int(s.speakers.Load())
		if n == 0 {
			continue
		}
		calls := s.list()
		for i := tick % phases; i < len(calls); i += phases {
			c := calls[i]
			out[c.socket] = append(out[c.socket], c.speak(n)...)
		}
		for on, messages := range out {
			writeAll(on.batch, messages)
			out[on] = messages[:0]
		}
	}
}

// speak returns the next packet of each of n speakers.
func (c *call) speak(n int) (messages []ipv4.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.outbound == nil {
		return nil
	}
	for len(c.speakers) < n {
		header := rtp.Header{Version: 2, PayloadType: 111, SSRC: uint32(1000 + len(c.speakers))}
		c.speakers = append(c.speakers, speaker{header, make([]byte, speech)})
	}
	for i := range c.speakers[:n] {
		sp := &c.speakers[i]
		sp.header.SequenceNumber++
		sp.header.Timestamp += uint32(packetTime.Seconds() * 48000)
		raw, err := (&rtp.Packet{Header: sp.header, Payload: sp.plain}).Marshal()
		if err != nil {
			continue
		}
		if raw, err = c.outbound.EncryptRTP(nil, raw, nil); err == nil {
			messages = append(messages, ipv4.Message{Buffers: [][]byte{raw}, Addr: net.UDPAddrFromAddrPort(*c.remote.Load())})
		}
	}
	return messages
}

// writeAll sends messages in batches. One that cannot be sent is lost.
func writeAll(conn *ipv4.PacketConn, messages []ipv4.Message) {
	for len(messages) > 0 {
		n, err := conn.WriteBatch(messages[:min(batch, len(messages))], 0)
		if err != nil {
			n = max(n, 1)
		}
		messages = messages[n:]
	}
}
