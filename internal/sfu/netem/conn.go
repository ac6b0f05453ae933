package netem

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// socketBuffer keeps the kernel from losing packets that no knob asked to lose: a
	// GOP of 720p is < 1 MB.
	socketBuffer = 4 << 20
	// inboxSize is how many datagrams may wait for ReadFrom.
	inboxSize = 2048
	// maxDatagram is more than any path carries.
	maxDatagram = 1 << 16
)

// Conn is a UDP socket with the network in front of it. It implements [net.PacketConn].
type Conn struct {
	sock     *net.UDPConn
	filter   Filter
	up, down *shaper
	inbox    chan datagram

	// handshakeGap is how long the network is dark from the first DTLS record on; owned
	// by pump, zero afterwards.
	handshakeGap time.Duration

	dark      atomic.Bool // it was, at some time
	closeOnce sync.Once
	closed    chan struct{}
	done      chan struct{} // the pump has returned
}

// Filter sees what came through the network before [Conn.ReadFrom] returns it. A
// datagram that does not pass is dropped; a reply, if not nil, is sent back instead.
type Filter func(b []byte, from *net.UDPAddr, now time.Time) (pass bool, reply []byte)

// Fate reports what becomes of a client's datagrams. Its functions are called with no
// lock held, from the goroutines of a [Conn], and must not block.
type Fate struct {
	// Lost, Late and Doubled get an RTP packet that the network loses, lets others
	// overtake, or delivers twice, the last two before it arrives.
	Lost, Late, Doubled func(packet []byte)
	// Sent gets a datagram of any kind when it reaches the socket, Arrived an RTP packet
	// that came through.
	Sent, Arrived func(datagram []byte, at time.Time)
}

// Config describes a network. All functions are required.
type Config struct {
	IP       string // local address; the port is the system's choice
	Seed     uint64 // of loss and jitter
	Up, Down Shape  // from the client, to the client
	// SilentFor is how long the network is dark from the start. HandshakeBlackOut is how
	// long it is from the client's first DTLS record on.
	SilentFor, HandshakeBlackOut time.Duration
	// IgnoreRTP drops RTP as soon as it is read, unreported.
	IgnoreRTP bool
	Filter    Filter
	Fate      Fate
}

// Listen opens a socket. The caller must Close it.
func Listen(cfg Config) (*Conn, error) {
	ip, err := netip.ParseAddr(cfg.IP)
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
	n := &Conn{
		sock:         sock,
		filter:       cfg.Filter,
		inbox:        make(chan datagram, inboxSize),
		closed:       make(chan struct{}),
		done:         make(chan struct{}),
		handshakeGap: cfg.HandshakeBlackOut,
	}
	lost := ofRTP(cfg.Fate.Lost)
	n.up = newShaper(cfg.Up, cfg.Seed, 1, fate{
		deliver: func(d datagram) {
			if IsRTP(d.data) {
				cfg.Fate.Arrived(d.data, d.at)
			}
			n.enqueue(d, lost)
		},
		lost:    lost,
		late:    ofRTP(cfg.Fate.Late),
		doubled: ofRTP(cfg.Fate.Doubled),
	})
	ignore := func(datagram) {}
	n.down = newShaper(cfg.Down, cfg.Seed, 2, fate{deliver: n.transmit, lost: ignore, late: ignore, doubled: ignore})
	if cfg.SilentFor > 0 {
		n.BlackOut(cfg.SilentFor)
	}
	go n.pump(cfg.IgnoreRTP, cfg.Fate.Sent) // ends by Close, which waits
	return n, nil
}

func ofRTP(report func([]byte)) func(datagram) {
	return func(d datagram) {
		if IsRTP(d.data) {
			report(d.data)
		}
	}
}

// SetUp changes what happens to what the client sends.
func (n *Conn) SetUp(s Shape) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	n.up.setShape(s)
	return nil
}

// SetDown changes what happens to what the client receives.
func (n *Conn) SetDown(s Shape) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("down: %w", err)
	}
	n.down.setShape(s)
	return nil
}

// BlackOut loses everything both ways for d from now. Zero ends a black-out.
func (n *Conn) BlackOut(d time.Duration) {
	n.BlackOutUp(d)
	n.BlackOutDown(d)
}

// BlackOutUp loses everything that the client sends for d from now. Zero ends it.
func (n *Conn) BlackOutUp(d time.Duration) {
	n.dark.Store(true)
	n.up.blackOut(time.Now().Add(d))
}

// BlackOutDown loses everything that the client is sent for d from now. Zero ends it.
func (n *Conn) BlackOutDown(d time.Duration) {
	n.dark.Store(true)
	n.down.blackOut(time.Now().Add(d))
}

// Silence loses everything both ways until it is switched off.
func (n *Conn) Silence(on bool) {
	n.dark.Store(true)
	n.up.setSilent(on)
	n.down.setSilent(on)
}

// WasDark reports whether the network ever lost everything in one direction.
func (n *Conn) WasDark() bool { return n.dark.Load() }

// pump moves datagrams from the socket into the up direction.
func (n *Conn) pump(ignoreRTP bool, sent func([]byte, time.Time)) {
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
		if ignoreRTP && IsRTP(buf[:size]) {
			continue
		}
		at := arrivalOf(oob[:said], time.Now())
		sent(buf[:size], at)
		if n.handshakeGap > 0 && IsDTLS(buf[:size]) {
			n.BlackOut(n.handshakeGap)
			n.handshakeGap = 0
		}
		n.up.submit(datagram{data: append([]byte(nil), buf[:size]...), addr: addr, at: at})
	}
}

// enqueue hands a datagram that came through to ReadFrom, unless the filter drops it.
func (n *Conn) enqueue(d datagram, lost func(datagram)) {
	pass, reply := n.filter(d.data, d.addr, time.Now())
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

func (n *Conn) transmit(d datagram) {
	// UDP promises nothing: a send that fails is a datagram lost.
	_, _ = n.sock.WriteToUDP(d.data, d.addr)
}

// ReadFrom returns the next datagram that came through.
func (n *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-n.inbox:
		return copy(b, d.data), d.addr, nil
	case <-n.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a datagram to the client through the network. It does not block.
func (n *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
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
func (n *Conn) Close() error {
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

// LocalAddr returns the socket's address.
func (n *Conn) LocalAddr() net.Addr { return n.sock.LocalAddr() }

// SetDeadline does nothing: pion's ICE agent sets one only right before Close, which unblocks
// everything.
func (n *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, see SetDeadline.
func (n *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: WriteTo never blocks.
func (n *Conn) SetWriteDeadline(time.Time) error { return nil }

// Port returns the local port.
func (n *Conn) Port() int {
	addr, ok := n.sock.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0
	}
	return addr.Port
}
