package peer

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxArrived is how many packets wait for a call to read them. It takes those of a
// message of 256 KiB on the data channel.
const maxArrived = 256

// socket is a UDP socket of calls to different addresses of the servers. There is no
// goroutine behind it: one of those that read for a call reads the socket, until a
// packet for its own call comes, and hands on those for the others.
type socket struct {
	conn    *net.UDPConn
	local   netip.Addr
	out     *outbox
	packets *sync.Pool    // of *arrival
	reading chan struct{} // holds a token while a path reads the socket
	filter  *filter

	mu      sync.RWMutex // guards what follows
	remotes map[netip.AddrPort]*path
	ufrags  map[string]*path
}

// path is a call's use of a socket: a net.PacketConn that reads what the call's server
// sends.
type path struct {
	socket  *socket
	wants   *reception
	remotes atomic.Pointer[[]netip.AddrPort] // whose packets are the call's
	gone    atomic.Bool
	closed  chan struct{} // when it is gone
	arrived chan struct{} // something may wait in the queue

	mu          sync.Mutex // guards the queue
	first, last *arrival
	count       int
}

// arrival is a packet that waits for its call.
type arrival struct {
	next *arrival
	from netip.AddrPort
	data []byte
}

// add returns the use of the socket by one more call, to addresses that no other call
// uses.
func (s *socket) add(remotes []netip.AddrPort, wants *reception) *path {
	p := &path{socket: s, wants: wants, closed: make(chan struct{}), arrived: make(chan struct{}, 1)}
	p.remotes.Store(&remotes)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range remotes {
		s.remotes[r] = p
	}
	s.out.calls.Add(1)
	return p
}

// remove ends a use of the socket. It reports whether it was the last.
func (s *socket) remove(p *path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for remote, of := range s.remotes {
		if of == p {
			delete(s.remotes, remote)
		}
	}
	for ufrag, of := range s.ufrags {
		if of == p {
			delete(s.ufrags, ufrag)
		}
	}
	return s.out.calls.Add(-1) == 0
}

// uses reports whether a call on the socket uses any of the addresses.
func (s *socket) uses(remotes []netip.AddrPort) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(remotes, func(r netip.AddrPort) bool { return s.remotes[r] != nil })
}

// answerTo lets checks from an unknown address, which name the fragment, reach a call.
func (s *socket) answerTo(ufrag string, p *path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ufrags[ufrag] = p
}

// forget ends answerTo.
func (s *socket) forget(ufrag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ufrags, ufrag)
}

// close sends the waiting packets and closes the socket.
func (s *socket) close() error {
	// A socket that takes nothing must not hold up the end of a call.
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	s.out.drain()
	return s.conn.Close()
}

// route returns the call that a packet is for, or nil.
func (s *socket) route(packet []byte, from netip.AddrPort) *path {
	from = canonical(from)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p := s.remotes[from]; p != nil {
		return p
	}
	return s.ufrags[ufragOf(packet)]
}

// canonical returns an address as a key: as IPv4 if it is, and without a zone.
func canonical(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// ufragOf returns our fragment in the user name of a STUN message (RFC 8445 section
// 7.2.2), or nothing.
func ufragOf(packet []byte) string {
	const headerSize, cookieAt, cookie, username = 20, 4, 0x2112A442, 0x0006 // RFC 8489 sections 5, 14.3
	if len(packet) < headerSize || packet[0] > 3 || binary.BigEndian.Uint32(packet[cookieAt:]) != cookie {
		return ""
	}
	for rest := packet[headerSize:]; len(rest) >= 4; {
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[4:]
		if size > len(rest) {
			return ""
		}
		if kind == username {
			ufrag, _, _ := strings.Cut(string(rest[:size]), ":")
			return ufrag
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return ""
}

// read reads the socket until a packet for p comes, and hands on those for others. The
// caller must hold the token of reading.
func (s *socket) read(p *path, b []byte) (int, netip.AddrPort, error) {
	for !p.gone.Load() {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // a path was closed, perhaps this one
			_ = s.conn.SetReadDeadline(time.Time{})
		case err != nil:
			return 0, netip.AddrPort{}, err
		default:
			switch to := s.route(b[:n], from); {
			case to == nil || to.wants.drops(b[:n]):
			case to == p:
				return n, from, nil
			default:
				to.put(b[:n], from)
			}
		}
	}
	return 0, netip.AddrPort{}, net.ErrClosed
}

// put adds a packet to the queue, or drops it when that is full.
func (p *path) put(packet []byte, from netip.AddrPort) {
	a := p.socket.packets.Get().(*arrival)
	a.data, a.from, a.next = append(a.data[:0], packet...), from, nil
	p.mu.Lock()
	full := p.count == maxArrived
	switch {
	case full:
	case p.first == nil:
		p.first, p.last = a, a
		p.count++
	default:
		p.last.next, p.last = a, a
		p.count++
	}
	p.mu.Unlock()
	if full {
		p.socket.packets.Put(a)
		return
	}
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// take copies the first packet of the queue. It reports false if there is none.
func (p *path) take(b []byte) (int, netip.AddrPort, bool) {
	p.mu.Lock()
	a := p.first
	if a != nil {
		p.first = a.next
		p.count--
	}
	p.mu.Unlock()
	if a == nil {
		return 0, netip.AddrPort{}, false
	}
	n, from := copy(b, a.data), a.from
	p.socket.packets.Put(a)
	return n, from, true
}

// ReadFromAddrPort and WriteToAddrPort make it an ice.AddrPortReaderWriter, which needs
// no allocation for an address.
func (p *path) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if n, from, ok := p.take(b); ok {
			return n, from, nil
		}
		select {
		case <-p.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case <-p.arrived:
			continue
		case p.socket.reading <- struct{}{}:
		}
		n, from, ok := p.take(b) // what the last reader handed on
		var err error
		if !ok {
			n, from, err = p.socket.read(p, b)
		}
		<-p.socket.reading
		return n, from, err
	}
}

func (p *path) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if p.gone.Load() {
		return 0, io.ErrClosedPipe
	}
	if remotes := *p.remotes.Load(); !slices.Contains(remotes, to) {
		p.expect(canonical(to))
	}
	return p.socket.out.write(b, to, p.wants.wanted[feedback].Load())
}

// expect makes packets from an address the call's, unless they are another call's.
func (p *path) expect(remote netip.AddrPort) {
	s := p.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remotes[remote] != nil {
		return
	}
	s.remotes[remote] = p
	remotes := append(slices.Clone(*p.remotes.Load()), remote)
	p.remotes.Store(&remotes)
}

// Close ends reading and writing. The socket stays open for the other calls.
func (p *path) Close() error {
	if !p.gone.Swap(true) {
		close(p.closed)
		_ = p.socket.conn.SetReadDeadline(time.Now()) // it may be the one that reads
	}
	return nil
}

// ReadFrom and the rest make it a net.PacketConn.
func (p *path) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (p *path) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError(to.String())
	}
	return p.WriteToAddrPort(b, addr.AddrPort())
}

func (p *path) LocalAddr() net.Addr { return p.socket.conn.LocalAddr() }

// SetDeadline and its likes do nothing: pion sets them only before it closes.
func (p *path) SetDeadline(time.Time) error      { return nil }
func (p *path) SetReadDeadline(time.Time) error  { return nil }
func (p *path) SetWriteDeadline(time.Time) error { return nil }
