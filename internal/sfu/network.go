package sfu

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// socketBuffer keeps the kernel from losing packets that no knob asked to lose: a
	// GOP of 720p is < 1 MB.
	socketBuffer = 4 << 20
	// inboxSize is how many datagrams may wait for the ICE agent.
	inboxSize = 2048
	// maxDatagram is more than any path carries.
	maxDatagram = 1 << 16
)

// Network is a participant's socket with the weather in between. It is the
// net.PacketConn of the ICE agent.
type Network struct {
	sock     *net.UDPConn
	gate     *stunGate
	up, down *shaper
	inbox    chan datagram

	// handshakeGap is how long to be silent from the first DTLS record on; owned by
	// pump, zero afterwards.
	handshakeGap time.Duration

	closeOnce sync.Once
	closed    chan struct{}
	done      chan struct{} // the pump has returned
}

// rtpFate is told what the weather does to RTP packets of the client.
type rtpFate struct {
	lost, late, again func(packet []byte)
	// sent is told of datagrams of any kind when they reach the socket, arrived of RTP
	// packets that came through.
	sent, arrived func(datagram []byte, at time.Time)
}

// newNetwork opens the socket.
func newNetwork(cfg Config, seed uint64, gate *stunGate, of rtpFate) (*Network, error) {
	ip, err := netip.ParseAddr(cfg.ListenIP)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}

	// Best effort: the kernel caps the size silently, and a smaller buffer only shows
	// under load.
	_ = sock.SetReadBuffer(socketBuffer)
	stampArrivals(sock)
	n := &Network{
		sock:         sock,
		gate:         gate,
		inbox:        make(chan datagram, inboxSize),
		closed:       make(chan struct{}),
		done:         make(chan struct{}),
		handshakeGap: cfg.HandshakeBlackOut,
	}
	lost := ofRTP(of.lost)
	n.up = newShaper(cfg.Up, seed, 1, fate{
		deliver: func(d datagram) {
			if isRTP(d.data) {
				of.arrived(d.data, d.at)
			}
			n.enqueue(d, lost)
		},
		lost:  lost,
		late:  ofRTP(of.late),
		again: ofRTP(of.again),
	})
	ignore := func(datagram) {}
	n.down = newShaper(cfg.Down, seed, 2, fate{deliver: n.transmit, lost: ignore, late: ignore, again: ignore})
	if cfg.SilentFor > 0 {
		n.BlackOut(cfg.SilentFor)
	}
	go n.pump(of.sent) // ends by Close, which waits
	return n, nil
}

func ofRTP(tell func([]byte)) func(datagram) {
	return func(d datagram) {
		if isRTP(d.data) {
			tell(d.data)
		}
	}
}

// SetUp changes what happens to what the client sends.
func (n *Network) SetUp(s Shape) error {
	if err := s.validate(); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	n.up.setShape(s)
	return nil
}

// SetDown changes what happens to what the client receives.
func (n *Network) SetDown(s Shape) error {
	if err := s.validate(); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	n.down.setShape(s)
	return nil
}

// BlackOut loses everything both ways for d from now. Zero ends a black-out.
func (n *Network) BlackOut(d time.Duration) {
	n.BlackOutUp(d)
	n.BlackOutDown(d)
}

// BlackOutUp loses everything that the client sends for d from now. Zero ends it.
func (n *Network) BlackOutUp(d time.Duration) { n.up.blackOut(time.Now().Add(d)) }

// BlackOutDown loses everything that the client is sent for d from now. Zero ends it.
func (n *Network) BlackOutDown(d time.Duration) { n.down.blackOut(time.Now().Add(d)) }

// Silence loses everything both ways until it is switched off.
func (n *Network) Silence(on bool) {
	n.up.setSilent(on)
	n.down.setSilent(on)
}

// AnswerErrors answers the client's connectivity checks with a 401 for d from now.
func (n *Network) AnswerErrors(d time.Duration) {
	n.gate.answerErrors(time.Now().Add(d))
}

// pump moves datagrams from the socket into the up direction.
func (n *Network) pump(sent func([]byte, time.Time)) {
	defer close(n.done)
	buf, oob := make([]byte, maxDatagram), make([]byte, arrivalSpace)
	for {
		size, said, _, addr, err := n.sock.ReadMsgUDP(buf, oob)
		if err != nil {
			// An ICMP "port unreachable" of a client that left surfaces as an error on
			// some systems.
			select {
			case <-n.closed:
				return
			default:
				continue
			}
		}
		at := arrivalOf(oob[:said], time.Now())
		sent(buf[:size], at)
		if n.handshakeGap > 0 && isDTLS(buf[:size]) {
			n.BlackOut(n.handshakeGap)
			n.handshakeGap = 0
		}
		n.up.submit(datagram{data: append([]byte(nil), buf[:size]...), addr: addr, at: at})
	}
}

// enqueue hands a datagram that came through to the agent, unless the gate keeps it.
func (n *Network) enqueue(d datagram, lost func(datagram)) {
	pass, reply := n.gate.inspect(d, time.Now())
	if reply != nil {
		n.down.submit(datagram{data: reply, addr: d.addr})
	}
	if !pass {
		return
	}
	select {
	case n.inbox <- d:
	default:
		lost(d)
	}
}

func (n *Network) transmit(d datagram) {
	// UDP promises nothing: a send that fails is a datagram lost.
	_, _ = n.sock.WriteToUDP(d.data, d.addr)
}

// ReadFrom gives the next datagram that came through.
func (n *Network) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-n.inbox:
		return copy(b, d.data), d.addr, nil
	case <-n.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a datagram into the weather.
func (n *Network) WriteTo(b []byte, addr net.Addr) (int, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("address %v is not UDP", addr)
	}
	select {
	case <-n.closed:
		return 0, net.ErrClosed
	default:
	}
	n.down.submit(datagram{data: append([]byte(nil), b...), addr: udp})
	return len(b), nil
}

// Close closes the socket and waits for the goroutines. It is idempotent.
func (n *Network) Close() error {
	var err error
	n.closeOnce.Do(func() {
		close(n.closed)
		n.down.close()
		err = n.sock.Close()
		<-n.done
		n.up.close()
	})
	return err
}

// LocalAddr is the socket's address.
func (n *Network) LocalAddr() net.Addr { return n.sock.LocalAddr() }

// SetDeadline does nothing: the agent sets one only right before Close, which unblocks
// everything.
func (n *Network) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (n *Network) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: WriteTo never blocks.
func (n *Network) SetWriteDeadline(time.Time) error { return nil }

func (n *Network) port() int {
	addr, ok := n.sock.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0
	}
	return addr.Port
}

// The first byte tells the protocols of one 5-tuple apart (RFC 7983 §7), the second
// RTCP from RTP (RFC 5761 §4).
func isDTLS(b []byte) bool { return len(b) > 0 && b[0] >= 20 && b[0] <= 63 }

func isSRTP(b []byte) bool { return len(b) > 1 && b[0] >= 128 && b[0] <= 191 }

func isRTCP(b []byte) bool { return isSRTP(b) && b[1] >= 192 && b[1] <= 223 }

func isRTP(b []byte) bool { return isSRTP(b) && !isRTCP(b) }
