package remote

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	// batch is how many datagrams a read or write moves at most.
	batch = 32
	// maxDatagram is above the MTU of any path.
	maxDatagram = 1600
	// buffer is what a socket asks the kernel for.
	buffer = 4 << 20
)

// socket is the address of a media server.
type socket struct {
	conn  *net.UDPConn
	batch *ipv4.PacketConn
}

func listen() (*socket, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	_ = conn.SetReadBuffer(buffer) // as much as the kernel grants
	_ = conn.SetWriteBuffer(buffer)
	stampArrivals(conn)
	return &socket{conn, ipv4.NewPacketConn(conn)}, nil
}

func (s *socket) port() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// datagram is valid until the next read.
type datagram struct {
	socket *socket
	from   netip.AddrPort
	data   []byte
	at     time.Time
}

// inbox reads datagrams in batches.
type inbox struct {
	messages []ipv4.Message
	socket   *socket
	now      time.Time
}

func newInbox() *inbox {
	in := &inbox{messages: make([]ipv4.Message, batch)}
	for i := range in.messages {
		in.messages[i].Buffers = [][]byte{make([]byte, maxDatagram)}
		in.messages[i].OOB = make([]byte, 64)
	}
	return in
}

// read waits for datagrams and returns how many there are.
func (in *inbox) read(from *socket) (int, error) {
	n, err := from.batch.ReadBatch(in.messages, 0)
	in.socket, in.now = from, time.Now()
	return n, err
}

// datagram returns one of the last read, and when it arrived: by the kernel's clock, where
// that is known.
func (in *inbox) datagram(i int) datagram {
	m := &in.messages[i]
	at, ok := arrival(m.OOB[:m.NN])
	if !ok {
		at = in.now
	}
	var from netip.AddrPort
	if addr, ok := m.Addr.(*net.UDPAddr); ok {
		from = addr.AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	return datagram{in.socket, from, m.Buffers[0][:m.N], at}
}
