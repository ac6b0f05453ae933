package peer

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// receive reads n packets, and returns their numbers in the order of arrival.
func receive(t testing.TB, server *net.UDPConn, n int) []int {
	t.Helper()
	var got []int
	b := make([]byte, 2000)
	for range n {
		size, err := server.Read(b)
		require.NoError(t, err)
		require.GreaterOrEqual(t, size, 4)
		got = append(got, int(binary.BigEndian.Uint32(b)))
	}
	return got
}

// nothing fails if something is there to be read. What is sent on loopback is there when
// the send returns.
func nothing(t testing.TB, server *net.UDPConn) {
	t.Helper()
	require.NoError(t, server.SetReadDeadline(time.Now()))
	_, err := server.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, server.SetReadDeadline(time.Now().Add(time.Minute)))
}

// untimed returns a pool whose packets wait for Flush however slow the machine is.
func untimed() *SocketPool {
	pool := NewSocketPool()
	pool.batcher.watched.Store(true) // as if the timer ran
	return pool
}

func numbered(n, size int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(n)), make([]byte, size-4)...)
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestHeldPacketsLeaveWhenFlushed, in order; what is written later leaves at once.
func TestHeldPacketsLeaveWhenFlushed(t *testing.T) {
	t.Parallel()
	pool := untimed()
	one, first := remote(t)
	two, second := remote(t)
	_, a := leased(t, pool, "a", first)
	write := func(p *path, to netip.AddrPort, packet []byte) {
		n, err := p.WriteToAddrPort(packet, to)
		require.NoError(t, err)
		require.Equal(t, len(packet), n)
	}
	pool.Hold()
	write(a, first, numbered(0, 4)) // no other call is on the socket: nothing to wait for
	require.Equal(t, upTo(1), receive(t, one, 1))
	if a.wants.set(feedback, true); batches { // there are pictures
		write(a, first, numbered(0, 4))
		nothing(t, one)
		pool.Flush()
		require.Equal(t, upTo(1), receive(t, one, 1))
	}
	a.wants.set(feedback, false)
	pool.Flush()
	_, b := leased(t, pool, "b", second)
	pool.Hold()
	for i := range 20 {
		write(a, first, numbered(i, slotSize))
		write(b, second, numbered(i, 4+i))
	}
	if batches {
		nothing(t, one)
		nothing(t, two)
	}
	pool.Flush()
	require.Equal(t, upTo(20), receive(t, one, 20))
	require.Equal(t, upTo(20), receive(t, two, 20))
	write(a, first, numbered(0, 4))
	require.Equal(t, upTo(1), receive(t, one, 1))
	pool.Flush()
	nothing(t, one)
}

// TestSlotKeepsTheAddress of its last packet, in the form that the system takes.
func TestSlotKeepsTheAddress(t *testing.T) {
	t.Parallel()
	var s slot
	for to, want := range map[string]string{
		"192.0.2.1:1": "192.0.2.1:1", "[::ffff:192.0.2.2]:2": "192.0.2.2:2",
		"[2001:db8::1]:3": "[2001:db8::1]:3", "[fe80::1%eth0]:4": "[fe80::1%eth0]:4",
	} {
		s.set([]byte{1}, netip.MustParseAddrPort(to))
		require.Equal(t, want, s.addr.String())
		require.Equal(t, 4, len(s.addr.IP)%12, "bytes of an address")
	}
}

// TestFullBatchLeavesBeforeFlush: what waits is bounded.
func TestFullBatchLeavesBeforeFlush(t *testing.T) {
	t.Parallel()
	pool := untimed()
	server, addr := remote(t)
	_, other := remote(t)
	_, a := leased(t, pool, "a", addr)
	leased(t, pool, "b", other)
	pool.Hold()
	for i := range batchSize + 1 {
		_, err := a.WriteToAddrPort(numbered(i, 100), addr)
		require.NoError(t, err)
	}
	require.Equal(t, upTo(batchSize), receive(t, server, batchSize))
	_, err := a.WriteToAddrPort(numbered(batchSize+1, slotSize+1), addr) // too long to wait
	require.NoError(t, err)
	receive(t, server, 1)
	pool.Flush()
}

// TestHeldPacketsLeaveWithoutFlush: a Flush that never comes delays them.
func TestHeldPacketsLeaveWithoutFlush(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	server, addr := remote(t)
	_, other := remote(t)
	_, a := leased(t, pool, "a", addr)
	leased(t, pool, "b", other)
	pool.Hold()
	_, err := a.WriteToAddrPort(numbered(0, 4), addr)
	require.NoError(t, err)
	require.Equal(t, upTo(1), receive(t, server, 1))
}

// TestHeldPacketsLeaveBeforeTheSocketCloses: the goodbye of the last calls is among them.
func TestHeldPacketsLeaveBeforeTheSocketCloses(t *testing.T) {
	t.Parallel()
	pool := untimed()
	server, addr := remote(t)
	_, other := remote(t)
	l, a := leased(t, pool, "a", addr)
	k, _ := leased(t, pool, "b", other)
	pool.Hold()
	_, err := a.WriteToAddrPort(numbered(0, 4), addr)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, k.Close())
	require.Equal(t, upTo(1), receive(t, server, 1))
	pool.Flush()
}

// TestRefusedPacketsOfABatchAreLostAlone: one to an address that cannot be sent to does
// not take others with it.
func TestRefusedPacketsOfABatchAreLostAlone(t *testing.T) {
	t.Parallel()
	pool := untimed()
	server, addr := remote(t)
	bad := netip.MustParseAddrPort("255.255.255.255:9") // EACCES: SO_BROADCAST is not set
	_, a := leased(t, pool, "a", addr)
	_, b := leased(t, pool, "b", bad)
	pool.Hold()
	_, _ = b.WriteToAddrPort([]byte("lost"), bad)
	for i := range 3 {
		_, err := a.WriteToAddrPort(numbered(i, 4), addr)
		require.NoError(t, err)
		_, _ = b.WriteToAddrPort([]byte("lost"), bad)
	}
	pool.Flush()
	require.Equal(t, upTo(3), receive(t, server, 3))
}

// TestWritersDoNotLoseTheirOrder: many goroutines write while another holds and flushes.
// Each packet arrives, and those of a goroutine in order.
func TestWritersDoNotLoseTheirOrder(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	const writers, packets = 6, 2000
	stop, ticked := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(ticked)
		for {
			pool.Hold()
			select {
			case <-stop:
				return // without a Flush
			case <-time.After(200 * time.Microsecond):
			}
			pool.Flush()
		}
	}()
	var done sync.WaitGroup
	for i := range writers {
		server, addr := remote(t)
		_, conn := leased(t, pool, fmt.Sprint(i), addr)
		room := make(chan struct{}, 40) // the server's buffer is not endless
		done.Add(2)
		go func() {
			defer done.Done()
			for n := range packets {
				select {
				case room <- struct{}{}:
				case <-t.Context().Done():
					return
				}
				_, err := conn.WriteToAddrPort(numbered(n, 100), addr)
				assert.NoError(t, err)
			}
		}()
		go func() {
			defer done.Done()
			for n := range packets {
				assert.Equal(t, []int{n}, receive(t, server, 1))
				<-room
			}
		}()
	}
	done.Wait()
	close(stop)
	<-ticked
}

// BenchmarkWriteBatch writes packets of many calls on a socket, at once and held: ns per
// packet.
func BenchmarkWriteBatch(b *testing.B) {
	for _, size := range []int{120, 360} {
		for _, held := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d bytes, held %t", size, held), func(b *testing.B) {
				pool := NewSocketPool()
				const calls = 50
				var conns [calls]*path
				var addrs [calls]netip.AddrPort
				for i := range calls {
					_, addrs[i] = remote(b) // reads nothing: the kernel drops what it has no room for
					_, conns[i] = leased(b, pool, fmt.Sprint(i), addrs[i])
				}
				packet := make([]byte, size)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if held && i%calls == 0 {
						pool.Hold()
					}
					_, _ = conns[i%calls].WriteToAddrPort(packet, addrs[i%calls])
					if held && i%calls == calls-1 {
						pool.Flush()
					}
				}
				pool.Flush()
			})
		}
	}
}
