package peer

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5"
)

// A connection that only sends would read, decrypt and throw away the RTP of the others in
// the call, which costs more than sending does, and pion keeps a kilobyte for each SSRC
// that it has seen. Transport-wide feedback comes ten times a second, and decides about
// pictures alone. So both are dropped before pion reads them, unless they are wanted: by
// the kernel on Linux, and where a socket is read elsewhere. STUN, DTLS, TURN and all
// other RTCP pass.

// kind is a kind of packet that is dropped unless it is wanted.
type kind int

const (
	othersRTP kind = iota
	feedback
	kinds
)

const (
	// rtcpHeader is the size of a packet whose length field is 0 (RFC 3550 section 6.4.1).
	rtcpHeader = 4
	// srtcpTrailer is the most that follows the packets of a compound: the index, and
	// the tag of AES-GCM (RFC 7714 section 9.2). The least packet of RTCP is longer than
	// what other ciphers have less.
	srtcpTrailer = 4 + 16
)

// kindOf returns the kind of a packet, or false if it always passes.
func kindOf(b []byte) (kind, bool) {
	if len(b) < 2 || b[0]>>6 != 2 { // RFC 7983 section 7
		return 0, false
	}
	if payloadType := b[1] & 0x7F; payloadType < 64 || payloadType > 95 { // RFC 5761 section 4
		return othersRTP, true
	}
	// Feedback that is alone in its compound: what follows it cannot be read here.
	const transportLayer, transportWide = 205, 15 // draft-holmer-rmcat-transport-wide-cc section 3.1
	if b[1] == transportLayer && b[0]&0x1F == transportWide && len(b) >= rtcpHeader {
		rest := len(b) - rtcpHeader*(1+int(binary.BigEndian.Uint16(b[2:])))
		return feedback, rest >= 0 && rest <= srtcpTrailer
	}
	return 0, false
}

// filter makes the kernel drop packets that no connection on a socket wants.
type filter struct {
	conn *net.UDPConn

	mu     sync.Mutex // guards wanted, and is held while the kernel is asked
	wanted [kinds]int // by how many connections
}

// newFilter filters a socket, where the kernel can.
func newFilter(conn *net.UDPConn) *filter {
	f := &filter{conn: conn}
	f.update()
	return f
}

// want adds n connections to those that want a kind of packet.
func (f *filter) want(k kind, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.wanted[k] > 0
	if f.wanted[k] += n; before != (f.wanted[k] > 0) {
		f.update()
	}
}

// update tells the kernel. What fails is dropped by the reader.
func (f *filter) update() {
	_ = setFilter(f.conn, f.wanted[othersRTP] > 0, f.wanted[feedback] > 0)
}

// reception is the kinds of packets that a connection receives.
type reception struct {
	wanted [kinds]atomic.Bool // set under mu

	mu      sync.Mutex // guards filters
	filters []*filter  // of its sockets
}

// add adds the filter of a socket.
func (r *reception) add(f *filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filters = append(r.filters, f)
	for k := range kinds {
		if r.wanted[k].Load() {
			f.want(k, 1)
		}
	}
}

// set makes a kind of packet pass, or not.
func (r *reception) set(k kind, on bool) {
	if r.wanted[k].Load() == on {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(k, on)
}

// change makes a kind of packet pass, or not. mu must be held.
func (r *reception) change(k kind, on bool) {
	if r.wanted[k].Swap(on) == on {
		return
	}
	n := 1
	if !on {
		n = -1
	}
	for _, f := range r.filters {
		f.want(k, n)
	}
}

// close wants nothing, for good.
func (r *reception) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range kinds {
		r.change(k, false)
	}
	r.filters = nil
}

// drops reports whether a packet is not wanted.
func (r *reception) drops(b []byte) bool {
	k, ok := kindOf(b)
	return ok && !r.wanted[k].Load()
}

// filteredConn is a socket of one connection whose reads, in the two forms that pion uses,
// leave out what it does not want.
type filteredConn struct {
	*net.UDPConn
	wants *reception
}

var _ transport.UDPConn = filteredConn{}

func (c filteredConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.UDPConn.ReadFrom(b)
		if err != nil || !c.wants.drops(b[:n]) {
			return n, addr, err
		}
	}
}

// ReadFromAddrPort and WriteToAddrPort make it an ice.AddrPortReaderWriter, which needs no
// allocation for an address.
func (c filteredConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, addr, err := c.ReadFromUDPAddrPort(b)
		if err != nil || !c.wants.drops(b[:n]) {
			return n, addr, err
		}
	}
}

func (c filteredConn) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, addr)
}
