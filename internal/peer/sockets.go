package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"

	"github.com/gotgcall/gotgcall/models"
)

// socketBuffer is what a shared socket asks the kernel for in each direction: a key frame of
// 30 kB from each of a hundred calls at once. The kernel grants what its limits allow,
// on Linux net.core.rmem_max and wmem_max, 208 KiB by default.
const socketBuffer = 4 << 20

// SocketPool shares UDP sockets among calls. After the first STUN message a
// socket tells its calls apart by the remote address only, so two calls to one
// address of the server never share one: a call takes the first socket that has
// no call to any of its addresses, and opens another when there is none.
type SocketPool struct {
	log *pionLog

	mu      sync.Mutex // guards sockets and what is in them
	sockets []*socket
}

// socket is one shared UDP socket. It is closed when its last call leaves.
type socket struct {
	mux   *ice.UDPMuxDefault
	conn  *net.UDPConn // the mux closes it
	rtp   *filter
	local netip.Addr
	taken map[netip.AddrPort]bool
}

// lease is a call's share of the sockets. The call must Close it.
type lease struct {
	pool    *SocketPool
	shares  []share
	release sync.Once
}

// share is the use of one socket.
type share struct {
	socket  *socket
	remotes []netip.AddrPort
}

// NewSocketPool returns an empty pool. It holds nothing while no call does.
func NewSocketPool(cfg Config) *SocketPool {
	return &SocketPool{log: &pionLog{logger: cfg.Logger, on: cfg.DebugLogs}}
}

// lease returns a share of a socket for each local address of the route.
func (p *SocketPool) lease(r route) (*lease, error) {
	l := &lease{pool: p}
	if err := p.fill(l, r); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// fill adds the shares of a route to a lease.
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
		for _, remote := range remotes {
			s.taken[remote] = true
		}
		l.shares = append(l.shares, share{s, remotes})
	}
	return nil
}

// find returns an open socket on which no call uses any of the remote addresses, or
// nil.
func (p *SocketPool) find(local netip.Addr, remotes []netip.AddrPort) *socket {
	for _, s := range p.sockets {
		if s.local == local && !s.hasAny(remotes) {
			return s
		}
	}
	return nil
}

// hasAny reports whether a call on the socket uses any of the remote addresses.
func (s *socket) hasAny(remotes []netip.AddrPort) bool {
	for _, r := range remotes {
		if s.taken[r] {
			return true
		}
	}
	return false
}

// open adds a socket to the pool.
func (p *SocketPool) open(local netip.Addr) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, fmt.Errorf("%w: shared socket: %w", models.ErrConnectionFailed, err)
	}
	// Best effort: a smaller buffer works until many calls burst at once.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	f := newFilter(conn)
	s := &socket{
		mux:   ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: f.socket(), Logger: p.log.NewLogger("ice")}),
		conn:  conn,
		rtp:   f,
		local: local,
		taken: make(map[netip.AddrPort]bool),
	}
	p.sockets = append(p.sockets, s)
	return s, nil
}

// leave gives shares back. It returns the sockets that no call is left on, which are
// no longer in the pool.
func (p *SocketPool) leave(shares []share) (unused []*socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, share := range shares {
		for _, remote := range share.remotes {
			delete(share.socket.taken, remote)
		}
		if len(share.socket.taken) > 0 {
			continue
		}
		for i, s := range p.sockets {
			if s == share.socket {
				p.sockets = append(p.sockets[:i], p.sockets[i+1:]...)
				break
			}
		}
		unused = append(unused, share.socket)
	}
	return unused
}

// mux returns the sockets as one [ice.UDPMux].
func (l *lease) mux() ice.UDPMux {
	muxes := make([]ice.UDPMux, len(l.shares))
	for i, p := range l.shares {
		muxes[i] = p.socket.mux
	}
	return ice.NewMultiUDPMuxDefault(muxes...)
}

// Close gives the shares back and closes the sockets without calls. It is
// idempotent. A nil lease holds nothing.
func (l *lease) Close() error {
	if l == nil {
		return nil
	}
	var errs []error
	l.release.Do(func() {
		for _, s := range l.pool.leave(l.shares) {
			errs = append(errs, s.mux.Close())
		}
	})
	return errors.Join(errs...)
}
