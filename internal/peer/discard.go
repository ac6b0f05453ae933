package peer

import (
	"io"

	"github.com/pion/transport/v5/packetio"
)

// inboundBuffer decides where pion keeps what arrives. We send only: RTP of other
// participants is dropped on arrival, or each of them would pin up to a megabyte
// that nobody reads. RTCP is kept for our own streams, within the limit pion
// sets itself.
func (id *Identity) inboundBuffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	const rtcpLimit = 100 << 10
	if kind == packetio.RTCPBufferPacket && (ssrc == id.AudioSSRC || ssrc == id.Layers[0].SSRC) {
		b := packetio.NewBuffer()
		b.SetLimitSize(rtcpLimit)
		return rtcpBuffer{b}
	}
	return discard{}
}

// rtcpBuffer gives packetio.Buffer the plain signatures of io.
type rtcpBuffer struct{ *packetio.Buffer }

func (b rtcpBuffer) Read(p []byte) (int, error) {
	n, _, err := b.Buffer.Read(p, nil)
	return n, err
}

func (b rtcpBuffer) Write(p []byte) (int, error) { return b.Buffer.Write(p, nil) }

// discard is a buffer that is always empty and at its end.
type discard struct{}

func (discard) Read([]byte) (int, error)    { return 0, io.EOF }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
