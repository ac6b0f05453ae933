package peer

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	// batches reports whether packets of a socket can leave by one system call, which is
	// sendmmsg of Linux.
	batches = runtime.GOOS == "linux"
	// batchSize is the most packets of a batch: of 344 bytes each, 64 cost what 32 do.
	batchSize = 64
	// maxWaiting is the most packets that wait while a batch is being sent.
	maxWaiting = 1024
	// slotSize is the longest packet that waits for a batch: an Ethernet frame carries it.
	slotSize = 1500
	// holdLimit is about how long packets wait for a flush that never comes.
	holdLimit = 100 * time.Millisecond
)

// slot is a packet that waits for a batch.
type slot struct {
	size int
	addr net.UDPAddr
	ip   [16]byte // of addr
	data [slotSize]byte
}

// set copies a packet of at most slotSize bytes.
func (s *slot) set(packet []byte, to netip.AddrPort) {
	s.size = copy(s.data[:], packet)
	s.addr.Port, s.addr.Zone = int(to.Port()), to.Addr().Zone()
	if ip := to.Addr().Unmap(); ip.Is4() {
		four := ip.As4()
		s.addr.IP = s.ip[:copy(s.ip[:], four[:])]
	} else {
		s.ip = ip.As16()
		s.addr.IP = s.ip[:]
	}
}

// messages are the packets of one system call.
type messages struct {
	list    [batchSize]ipv4.Message
	buffers [batchSize][1][]byte // of the messages
}

// send writes at most batchSize packets and gives them back to the slots. One that the
// system refuses is lost, as pion loses one that is written by itself.
func (m *messages) send(conn *ipv4.PacketConn, packets []*slot, slots *sync.Pool) {
	for i, s := range packets {
		m.buffers[i][0] = s.data[:s.size]
		m.list[i].Buffers, m.list[i].Addr = m.buffers[i][:], &s.addr
	}
	for left := m.list[:len(packets)]; len(left) > 0; {
		n, err := conn.WriteBatch(left, 0)
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			n = 1 // it is about the first
		}
		left = left[n:]
	}
	for i, s := range packets {
		m.buffers[i][0], m.list[i].Addr, packets[i] = nil, nil, nil
		slots.Put(s)
	}
}

// batcher is shared by the outboxes of a pool.
type batcher struct {
	held     atomic.Bool
	used     atomic.Bool // held since watch looked last
	watched  atomic.Bool // a timer calls watch
	slots    sync.Pool   // of *slot
	messages sync.Pool   // of *messages

	mu    sync.Mutex // guards dirty
	dirty []*outbox  // in which something waits
	spare []*outbox  // dirty, while flush works on it
}

func newBatcher() *batcher {
	b := new(batcher)
	b.slots.New = func() any { return new(slot) }
	b.messages.New = func() any { return new(messages) }
	return b
}

// hold lets packets wait until flush. It has no effect where batches are not possible.
func (b *batcher) hold() {
	if !batches {
		return
	}
	b.held.Store(true)
	if !b.used.Load() {
		b.used.Store(true)
	}
	if !b.watched.Load() && !b.watched.Swap(true) {
		time.AfterFunc(holdLimit, b.watch) // ends when nothing was held for holdLimit
	}
}

// watch flushes forgotten packets, and runs again while packets are held now and then.
func (b *batcher) watch() {
	if b.held.Load() {
		b.flush()
	}
	if b.used.Swap(false) {
		time.AfterFunc(holdLimit, b.watch)
		return
	}
	b.watched.Store(false)
}

// flush sends the waiting packets, and ends a hold.
func (b *batcher) flush() {
	b.held.Store(false)
	b.mu.Lock()
	dirty := b.dirty
	b.dirty, b.spare = b.spare[:0], nil
	b.mu.Unlock()
	for i, o := range dirty {
		o.flush()
		dirty[i] = nil
	}
	b.mu.Lock()
	b.spare = dirty[:0]
	b.mu.Unlock()
}

// announce makes flush look at an outbox.
func (b *batcher) announce(o *outbox) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirty = append(b.dirty, o)
}

// outbox is where the packets of one socket leave: at once, or in a batch while its
// batcher holds them. Those of one goroutine leave in the order in which they were
// written, except one that cannot wait: it is longer than slotSize, or maxWaiting others
// wait. No lock is held during a system call.
type outbox struct {
	*batcher
	conn  *net.UDPConn
	batch *ipv4.PacketConn // conn
	calls atomic.Int32     // that use the socket

	mu       sync.Mutex // guards what follows
	waiting  []*slot    // at most maxWaiting
	spare    []*slot    // waiting, while flush works on it
	flushing bool       // a goroutine is at it
	flushed  sync.Cond  // flushing has become false
}

func newOutbox(conn *net.UDPConn, b *batcher) *outbox {
	o := &outbox{batcher: b, conn: conn, batch: ipv4.NewPacketConn(conn)}
	o.flushed.L = &o.mu
	return o
}

// write sends a packet, or copies it for a batch: while packets are held, and there are
// likely to be more, from several calls or of a picture.
func (o *outbox) write(packet []byte, to netip.AddrPort, pictures bool) (int, error) {
	o.mu.Lock()
	wait := o.flushing || len(o.waiting) > 0 || o.held.Load() && (pictures || o.calls.Load() > 1)
	if !wait || len(o.waiting) == maxWaiting || len(packet) > slotSize {
		o.mu.Unlock()
		return o.conn.WriteToUDPAddrPort(packet, to)
	}
	s := o.slots.Get().(*slot)
	s.set(packet, to)
	o.waiting = append(o.waiting, s)
	n, flushing := len(o.waiting), o.flushing
	o.mu.Unlock()
	if flushing {
		return len(packet), nil // and is taken along
	}
	if n == 1 {
		o.announce(o)
	}
	if n == batchSize || !o.held.Load() { // flush may have looked before it was announced
		o.flush()
	}
	return len(packet), nil
}

// flush sends what waits, and what is added meanwhile. It does nothing if another
// goroutine is at it.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.flushing {
		return
	}
	o.flushing = true
	for len(o.waiting) > 0 {
		packets := o.waiting
		o.waiting, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		m := o.messages.Get().(*messages)
		for some := range slices.Chunk(packets, batchSize) {
			m.send(o.batch, some, &o.slots)
		}
		o.messages.Put(m)
		o.mu.Lock()
		o.spare = packets[:0]
	}
	o.flushing = false
	o.flushed.Broadcast()
}

// drain sends the waiting packets, and returns when none is left.
func (o *outbox) drain() {
	o.flush()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.flushing {
		o.flushed.Wait()
	}
}
