package peer

import (
	"io"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v5/packetio"

	"github.com/gotgcall/gotgcall/internal/wire"
)

// Inbound takes the RTP of others.
type Inbound interface {
	// RTP takes a packet, decrypted, on the goroutine that reads it. It must neither
	// block nor keep the packet.
	RTP(packet []byte)
	// Reports returns the receiver reports that are due, from one of our SSRCs.
	Reports(ours uint32) []rtcp.Packet
}

// bufferFactory is pion's BufferFactory: it decides where pion puts what arrives
// for an SSRC. Everything is read where it arrives, so no goroutine has to wait for it,
// and no participant pins up to a megabyte. RTCP is handed to every SSRC that it names.
type bufferFactory struct {
	senders    []*wire.Sender
	congestion *wire.Congestion
	inbound    Inbound
}

// buffer returns the buffer of an SSRC.
func (f bufferFactory) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind != packetio.RTCPBufferPacket {
		for _, s := range f.senders {
			if s.SSRC() == ssrc {
				return rtpBuffer{} // an echo
			}
		}
		return rtpBuffer{f.inbound}
	}
	b := rtcpBuffer{ssrc: ssrc, congestion: f.congestion}
	for _, s := range f.senders {
		if s.SSRC() == ssrc {
			b.sender = s
		}
	}
	return b
}

// rtpBuffer passes the RTP of one SSRC to inbound, or drops it if that is nil.
type rtpBuffer struct{ inbound Inbound }

// Read always returns io.EOF: Write has consumed every packet.
func (rtpBuffer) Read([]byte) (int, error) { return 0, io.EOF }
func (rtpBuffer) Close() error             { return nil }

func (b rtpBuffer) Write(p []byte) (int, error) {
	if b.inbound != nil {
		b.inbound.RTP(p)
	}
	return len(p), nil
}

// rtcpBuffer reads the RTCP for one SSRC. Write is called on pion's reading
// goroutine.
type rtcpBuffer struct {
	ssrc       uint32
	sender     *wire.Sender // with that SSRC; nil for one that is not ours
	congestion *wire.Congestion
}

// Read always returns io.EOF: Write has consumed every packet.
func (rtcpBuffer) Read([]byte) (int, error) { return 0, io.EOF }
func (rtcpBuffer) Close() error             { return nil }

func (b rtcpBuffer) Write(p []byte) (int, error) {
	wire.HandleRTCP(p, b.ssrc, b.sender, b.congestion)
	return len(p), nil
}
