package peer

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5"
)

// A connection that only sends would read, decrypt and throw away the RTP of the others in
// the call, which costs more than sending does, and pion keeps a kilobyte for each SSRC
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

// filter drops RTP that arrives on a socket, unless somebody wants it.
type filter struct {
	conn    *net.UDPConn
	wrapper *filteredConn // nil where the kernel filters

	mu     sync.Mutex // guards wanted, and is held while the kernel is asked
	wanted int        // by how many connections
}

// newFilter filters a socket.
func newFilter(conn *net.UDPConn) *filter {
	f := &filter{conn: conn}
	if attachFilter(conn) != nil {
		f.wrapper = &filteredConn{UDPConn: conn}
	}
	return f
}

// socket returns the filtered socket, which is conn itself where the kernel filters.
func (f *filter) socket() transport.UDPConn {
	if f.wrapper != nil {
		return f.wrapper
	}
	return f.conn
}

// want makes RTP pass for one connection more.
func (f *filter) want() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted++; f.wanted > 1 {
		return
	}
	if f.wrapper != nil {
		f.wrapper.open.Store(true)
	} else {
		_ = detachFilter(f.conn) // fails on a closed socket alone
	}
}

// unwant takes back one want.
func (f *filter) unwant() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted--; f.wanted > 0 {
		return
	}
	if f.wrapper != nil {
		f.wrapper.open.Store(false)
	} else {
		_ = attachFilter(f.conn)
	}
}

// reception is what a connection wants of its filters.
type reception struct {
	mu      sync.Mutex // guards what follows
	filters []*filter
	on      bool
}

// add adds a filter.
func (r *reception) add(f *filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filters = append(r.filters, f)
	if r.on {
		f.want()
	}
}

// set makes RTP pass, or not.
func (r *reception) set(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on == r.on {
		return
	}
	r.on = on
	for _, f := range r.filters {
		if on {
			f.want()
		} else {
			f.unwant()
		}
	}
}

// filteredConn is a socket whose reads, in the two forms that pion uses, leave RTP out
// unless it is open.
type filteredConn struct {
	*net.UDPConn
	open atomic.Bool
}

func (c *filteredConn) drops(b []byte) bool { return isRTP(b) && !c.open.Load() }

func (c *filteredConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.UDPConn.ReadFrom(b)
		if err != nil || !c.drops(b[:n]) {
			return n, addr, err
		}
	}
}

// ReadFromAddrPort and WriteToAddrPort make it an ice.AddrPortReaderWriter, which needs no
// allocation for an address.
func (c *filteredConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, addr, err := c.ReadFromUDPAddrPort(b)
		if err != nil || !c.drops(b[:n]) {
			return n, addr, err
		}
	}
}

func (c *filteredConn) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, addr)
}
