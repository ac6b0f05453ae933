package peer

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v5/packetio"
)

// inbound decides where pion puts what arrives for an SSRC. We send only: RTP of
// other participants is dropped on arrival, or each of them would pin up to a
// megabyte that nobody reads. RTCP is read where it arrives: pion hands each packet
// to every SSRC it speaks of, so no goroutine has to wait for it.
func (c *Conn) inbound(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTCPBufferPacket {
		return ear{c, ssrc}
	}
	return discard{}
}

// discard is a buffer that is always empty and at its end.
type discard struct{}

func (discard) Read([]byte) (int, error)    { return 0, io.EOF }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// ear hears the RTCP for one SSRC. Write is called on pion's reading goroutine.
type ear struct {
	conn *Conn
	ssrc uint32
}

// Read is never of use: what was written has been heard.
func (ear) Read([]byte) (int, error) { return 0, io.EOF }
func (ear) Close() error             { return nil }

func (e ear) Write(p []byte) (int, error) {
	if exaggerates(p) {
		return len(p), nil
	}
	packets, err := rtcp.Unmarshal(p)
	if err != nil {
		return len(p), nil // Telegram's own test server sends packets no one can read
	}
	for _, packet := range packets {
		switch packet := packet.(type) {
		case *rtcp.ReceiverReport:
			e.reports(packet.Reports)
		case *rtcp.SenderReport:
			e.reports(packet.Reports)
		case *rtcp.TransportLayerNack:
			if t := e.track(); t != nil && packet.MediaSSRC == e.ssrc {
				_ = t.resend(packet) // fails when the connection goes away, which is reported
			}
		case *rtcp.TransportLayerCC:
			if packet.MediaSSRC == e.ssrc {
				e.conn.wire.hear(packet)
			}
		}
	}
	return len(p), nil
}

func (e ear) reports(blocks []rtcp.ReceptionReport) {
	t := e.track()
	if t == nil {
		return
	}
	for _, b := range blocks {
		if b.SSRC == e.ssrc {
			t.feedback.take(b, t.line.rate, e.conn.clock.ntp(time.Now()))
		}
	}
}

// track is the stream of ours that is spoken of, or nil.
func (e ear) track() *Track {
	for _, t := range []*Track{e.conn.audio, e.conn.video} {
		if t.ssrc == e.ssrc {
			return t
		}
	}
	return nil
}

// exaggerates finds transport-wide feedback that claims to be on more packets than
// can be looked up. 30 bytes of it may claim 65,535, and make unpacking costly.
func exaggerates(p []byte) bool {
	const headerSize, countAt, feedbackSize = 4, 14, 20 // draft-holmer-rmcat-transport-wide-cc section 3.1
	for len(p) >= headerSize {
		size := headerSize * (1 + int(binary.BigEndian.Uint16(p[2:])))
		if size > len(p) {
			return false // malformed
		}
		kind, format := rtcp.PacketType(p[1]), p[0]&0x1f
		if kind == rtcp.TypeTransportSpecificFeedback && format == rtcp.FormatTCC && size >= feedbackSize &&
			binary.BigEndian.Uint16(p[countAt:]) > sentSize {
			return true
		}
		p = p[size:]
	}
	return false
}
