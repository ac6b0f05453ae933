package peer

import (
	"io"

	"github.com/pion/transport/v5/packetio"

	"github.com/gotgcall/gotgcall/internal/wire"
)

// bufferFactory is pion's BufferFactory: it decides where pion puts what arrives
// for an SSRC. We send only: RTP that passes the filter of the socket, inside TURN, is
// dropped on arrival, or each participant would pin up to a megabyte that nobody reads.
// RTCP is read where it arrives: pion hands each packet to every SSRC it names, so no
// goroutine has to wait for it.
type bufferFactory struct {
	senders    []*wire.Sender
	congestion *wire.Congestion
}

// buffer returns the buffer of an SSRC.
func (f bufferFactory) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind != packetio.RTCPBufferPacket {
		return rtpDiscard{}
	}
	b := rtcpBuffer{ssrc: ssrc, congestion: f.congestion}
	for _, s := range f.senders {
		if s.SSRC() == ssrc {
			b.sender = s
		}
	}
	return b
}

// rtpDiscard is a buffer that is always empty and at its end.
type rtpDiscard struct{}

func (rtpDiscard) Read([]byte) (int, error)    { return 0, io.EOF }
func (rtpDiscard) Write(p []byte) (int, error) { return len(p), nil }
func (rtpDiscard) Close() error                { return nil }

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
