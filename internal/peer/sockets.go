package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"

	"github.com/gotgcall/gotgcall/models"
)

const (
	// socketBuffer is the buffer in each direction that a socket asks the kernel for:
	// a key frame of 30 kB from each of a hundred calls at once. The kernel grants what
	// its limits allow, on Linux net.core.rmem_max and wmem_max, 208 KiB by default.
	socketBuffer = 4 << 20
	// maxCalls is how many calls share a socket. What their servers send while the
	// reader is 50 ms late, 20 packets a second from each, fits those 208 KiB.
	maxCalls = 200
)

// SocketPool shares UDP sockets among calls. What arrives is told apart by the remote
// address, on the server as well, so two calls to one address of the server never share
// a socket: a call takes the first socket that has no call to any of its addresses, and
// opens another when there is none.
//
// Hold and Flush send what the calls write in between in batches, by fewer system calls.
type SocketPool struct {
	batcher *batcher
	packets sync.Pool // of *arrival

	mu      sync.Mutex // guards sockets
	sockets []*socket
}

// lease is a call's share of the sockets, as an [ice.UDPMux]. The call must Close it.
type lease struct {
	pool    *SocketPool
	paths   []*path // one for each local address
	wants   *reception
	release sync.Once
}

var _ ice.UDPMux = (*lease)(nil)

// NewSocketPool returns an empty pool. It holds nothing while no call does.
func NewSocketPool() *SocketPool {
	return &SocketPool{batcher: newBatcher(), packets: sync.Pool{New: func() any { return new(arrival) }}}
}

// Hold lets packets wait until Flush, or until there are as many of a socket as one
// system call takes. Only one goroutine may call Hold and Flush, one after the other,
// and with as little in between as can be: other goroutines' packets wait as well. It
// never blocks, and has no effect where the system sends no batches.
func (p *SocketPool) Hold() { p.batcher.hold() }

// Flush sends what waits since Hold. Like any write it may wait for room in the
// system's buffers.
func (p *SocketPool) Flush() { p.batcher.flush() }

// lease returns a share of a socket for each local address of the route.
func (p *SocketPool) lease(r route, wants *reception) (*lease, error) {
	l := &lease{pool: p, wants: wants}
	if err := p.fill(l, r); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// fill adds the paths of a route to a lease.
func (p *SocketPool) fill(l *lease, r route) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, local := range r.locals {
		var remotes []netip.AddrPort
		for _, c := range r.candidates {
			if c.Addr.Addr().Is4() == local.Is4() {
				remotes = append(remotes, c.Addr)
			}
		}
		s := p.find(local, remotes)
		if s == nil {
			var err error
			if s, err = p.open(local); err != nil {
				return err
			}
		}
		l.paths = append(l.paths, s.add(remotes, l.wants))
		l.wants.add(s.filter)
	}
	return nil
}

// find returns an open socket on which no call uses any of the remote addresses, or
// nil.
func (p *SocketPool) find(local netip.Addr, remotes []netip.AddrPort) *socket {
	for _, s := range p.sockets {
		if s.local == local && s.out.calls.Load() < maxCalls && !s.uses(remotes) {
			return s
		}
	}
	return nil
}

// open adds a socket to the pool.
func (p *SocketPool) open(local netip.Addr) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, fmt.Errorf("%w: socket: %w", models.ErrConnectionFailed, err)
	}
	// Best effort: a smaller buffer works until many calls burst at once.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	s := &socket{
		conn:    conn,
		local:   local,
		out:     newOutbox(conn, p.batcher),
		packets: &p.packets,
		reading: make(chan struct{}, 1),
		filter:  newFilter(conn),
		remotes: make(map[netip.AddrPort]*path),
		ufrags:  make(map[string]*path),
	}
	p.sockets = append(p.sockets, s)
	return s, nil
}

// leave ends the use of sockets. It returns those that no call is left on, which are
// no longer in the pool.
func (p *SocketPool) leave(paths []*path) (unused []*socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, path := range paths {
		if !path.socket.remove(path) {
			continue
		}
		for i, s := range p.sockets {
			if s == path.socket {
				p.sockets = append(p.sockets[:i], p.sockets[i+1:]...)
				break
			}
		}
		unused = append(unused, path.socket)
	}
	return unused
}

// GetConn returns the call's use of the socket with a local address.
func (l *lease) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	for _, p := range l.paths {
		if p.LocalAddr().String() != local.String() {
			continue
		}
		if p.gone.Load() {
			return nil, io.ErrClosedPipe
		}
		p.socket.answerTo(ufrag, p)
		return p, nil
	}
	return nil, net.InvalidAddrError(local.String())
}

// RemoveConnByUfrag ends that checks from unknown addresses reach the call.
func (l *lease) RemoveConnByUfrag(ufrag string) {
	for _, p := range l.paths {
		p.socket.forget(ufrag)
	}
}

// GetListenAddresses returns the local addresses of the sockets.
func (l *lease) GetListenAddresses() []net.Addr {
	addrs := make([]net.Addr, len(l.paths))
	for i, p := range l.paths {
		addrs[i] = p.LocalAddr()
	}
	return addrs
}

// Close ends the call's use of the sockets, and closes those without calls. It is
// idempotent.
func (l *lease) Close() error {
	var errs []error
	l.release.Do(func() {
		for _, p := range l.paths {
			_ = p.Close()
		}
		for _, s := range l.pool.leave(l.paths) {
			errs = append(errs, s.close())
		}
	})
	return errors.Join(errs...)
}
