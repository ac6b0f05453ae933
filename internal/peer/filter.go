package peer

import (
	"net"
	"net/netip"

	"github.com/pion/transport/v5"
)

// A connection only sends. The RTP of the others in the call would be read, decrypted and
// thrown away, which costs more than sending does, and pion keeps a kilobyte for each SSRC
// that it has seen. So it is dropped before pion reads it: by the kernel on Linux, and by
// a wrapper of the socket elsewhere. STUN, DTLS, TURN and RTCP pass.

// isRTP reports whether a datagram is RTP or SRTP (RFC 7983 section 7), and not RTCP (RFC
// 5761 section 4).
func isRTP(b []byte) bool {
	if len(b) < 2 || b[0]>>6 != 2 {
		return false
	}
	payloadType := b[1] & 0x7F
	return payloadType < 64 || payloadType > 95
}

// filtered returns a socket that reads no RTP: conn itself where the kernel drops it.
func filtered(conn *net.UDPConn) transport.UDPConn {
	if attachFilter(conn) == nil {
		return conn
	}
	return &filteredConn{conn}
}

// filteredConn is a socket whose reads, in the two forms that pion uses, leave RTP out.
type filteredConn struct{ *net.UDPConn }

func (c *filteredConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.UDPConn.ReadFrom(b)
		if err != nil || !isRTP(b[:n]) {
			return n, addr, err
		}
	}
}

// ReadFromAddrPort and WriteToAddrPort make it an ice.AddrPortReaderWriter, which needs no
// allocation for an address.
func (c *filteredConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, addr, err := c.ReadFromUDPAddrPort(b)
		if err != nil || !isRTP(b[:n]) {
			return n, addr, err
		}
	}
}

func (c *filteredConn) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, addr)
}
