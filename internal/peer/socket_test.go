package peer

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// remote is a server's socket.
func remote(t testing.TB) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// leased returns a share of the pool for a call to some servers, and its socket.
func leased(t testing.TB, pool *SocketPool, ufrag string, remotes ...netip.AddrPort) (*lease, *path) {
	t.Helper()
	var addrs []string
	for _, r := range remotes {
		addrs = append(addrs, r.String())
	}
	l, err := pool.lease(loopbackRoute(addrs...), new(reception))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	conn, err := l.GetConn(ufrag, l.GetListenAddresses()[0])
	require.NoError(t, err)
	return l, conn.(*path)
}

// TestSocketHandsOnWhatArrives: eight calls on one socket, whose servers send at once, and
// each reads what its server sent, in order, whichever of them reads the socket.
func TestSocketHandsOnWhatArrives(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	const calls, packets = 8, 500
	var done sync.WaitGroup
	for i := range calls {
		server, addr := remote(t)
		_, conn := leased(t, pool, fmt.Sprint(i), addr)
		local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
		sent := make(chan struct{}, 20) // a socket's buffer is not endless
		done.Add(2)
		go func() {
			defer done.Done()
			for n := range uint32(packets) {
				sent <- struct{}{}
				_, err := server.WriteToUDPAddrPort(binary.BigEndian.AppendUint32([]byte{20, byte(i)}, n), local)
				assert.NoError(t, err)
			}
		}()
		go func() {
			defer done.Done()
			b := make([]byte, 100)
			for want := range uint32(packets) {
				n, from, err := conn.ReadFromAddrPort(b)
				assert.NoError(t, err)
				assert.Equal(t, addr, from)
				assert.Equal(t, binary.BigEndian.AppendUint32([]byte{20, byte(i)}, want), b[:n])
				<-sent
			}
		}()
	}
	done.Wait()
	require.Len(t, pool.sockets, 1)
}

// TestSocketGivesChecksToTheirCall: a check from an unknown address is for the call that
// it names; once the call has answered, all else from there is too. Nothing from a
// stranger comes through.
func TestSocketGivesChecksToTheirCall(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	_, known := remote(t)
	_, other := remote(t)
	stranger, strange := remote(t)
	l, a := leased(t, pool, "aaaa", known)
	_, b := leased(t, pool, "bbbb", other)
	local := a.LocalAddr().(*net.UDPAddr).AddrPort()
	send := func(packet []byte) {
		_, err := stranger.WriteToUDPAddrPort(packet, local)
		require.NoError(t, err)
	}
	check := func(user string) []byte {
		m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewSoftware("odd"), stun.NewUsername(user))
		require.NoError(t, err)
		return m.Raw
	}
	read := func(p *path) []byte {
		data := make([]byte, 200)
		n, from, err := p.ReadFromAddrPort(data)
		require.NoError(t, err)
		require.Equal(t, strange, from)
		return data[:n]
	}
	send([]byte{20, 1})
	send(check("cccc:remote"))
	send(check("aaaa"))
	forA := check("aaaa:remote")
	send(forA)
	require.Equal(t, check("aaaa")[20:], read(a)[20:])
	require.Equal(t, forA, read(a))
	_, err := a.WriteTo([]byte{1}, net.UDPAddrFromAddrPort(strange))
	require.NoError(t, err)
	forA = append([]byte{20}, 2)
	send(forA)
	require.Equal(t, forA, read(a))
	// It stays the first call's, whatever the second does.
	_, err = b.WriteToAddrPort([]byte{1}, strange)
	require.NoError(t, err)
	send(check("bbbb:remote"))
	require.Equal(t, check("bbbb:remote")[20:], read(a)[20:])
	l.RemoveConnByUfrag("aaaa")
	require.NoError(t, l.Close())
	send(check("aaaa:remote"))
	forB := check("bbbb:remote")
	send(forB)
	require.Equal(t, forB, read(b))
}

func TestUfragOfMalformedMessagesIsNone(t *testing.T) {
	t.Parallel()
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("ab:cd"))
	require.NoError(t, err)
	require.Equal(t, "ab", ufragOf(m.Raw))
	for n := range 20 + 4 + len("ab:cd") {
		require.Empty(t, ufragOf(m.Raw[:n]))
	}
	require.Empty(t, ufragOf(append([]byte{20}, m.Raw[1:]...)))
	long := append([]byte(nil), m.Raw...)
	long[22], long[23] = 0xff, 0xff
	require.Empty(t, ufragOf(long))
}

// TestPathsCloseWhileTheyRead: each of many calls ends while all read, the one that reads
// the socket too, and those that are left read on.
func TestPathsCloseWhileTheyRead(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	const calls = 16
	type call struct {
		*lease
		conn   *path
		server *net.UDPConn
		read   chan error
	}
	var all []call
	for i := range calls {
		server, addr := remote(t)
		l, conn := leased(t, pool, fmt.Sprint(i), addr)
		c := call{l, conn, server, make(chan error)}
		all = append(all, c)
		go func() { // ends with the path
			b := make([]byte, 100)
			for {
				_, _, err := conn.ReadFromAddrPort(b)
				c.read <- err
				if err != nil {
					return
				}
			}
		}()
	}
	local := all[0].conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for len(all) > 0 {
		for _, c := range all {
			_, err := c.server.WriteToUDPAddrPort([]byte{20}, local)
			require.NoError(t, err)
			require.NoError(t, <-c.read)
		}
		c := all[0]
		all = all[1:]
		require.NoError(t, c.conn.Close())
		require.ErrorIs(t, <-c.read, net.ErrClosed)
		_, err := c.conn.WriteTo([]byte{1}, c.server.LocalAddr())
		require.Error(t, err)
		_, err = c.GetConn("x", c.GetListenAddresses()[0])
		require.Error(t, err)
		require.NoError(t, c.Close())
	}
	require.Empty(t, pool.sockets)
}

// TestPathKeepsABoundedQueue of what a call does not read.
func TestPathKeepsABoundedQueue(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	_, addr := remote(t)
	_, p := leased(t, pool, "a", addr)
	for i := range 2 * maxArrived {
		p.put([]byte{byte(i)}, addr)
	}
	b := make([]byte, 10)
	for i := range maxArrived {
		n, _, ok := p.take(b)
		require.True(t, ok)
		require.Equal(t, []byte{byte(i)}, b[:n])
	}
	_, _, ok := p.take(b)
	require.False(t, ok)
}

// BenchmarkSocketRead reads packets of two calls by one of them, and by pion's mux.
func BenchmarkSocketRead(b *testing.B) {
	local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	for name, open := range map[string]func(remotes ...netip.AddrPort) []net.PacketConn{
		"ours": func(remotes ...netip.AddrPort) []net.PacketConn {
			pool := NewSocketPool()
			var conns []net.PacketConn
			for i, r := range remotes {
				_, conn := leased(b, pool, fmt.Sprint(i), r)
				conns = append(conns, conn)
			}
			return conns
		},
		"pion's": func(remotes ...netip.AddrPort) []net.PacketConn {
			socket, err := net.ListenUDP("udp", local)
			require.NoError(b, err)
			mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket})
			b.Cleanup(func() { _ = mux.Close() })
			var conns []net.PacketConn
			for i, r := range remotes {
				conn, err := mux.GetConn(fmt.Sprint(i), socket.LocalAddr())
				require.NoError(b, err)
				_, err = conn.WriteTo([]byte{1}, net.UDPAddrFromAddrPort(r))
				require.NoError(b, err)
				conns = append(conns, conn)
			}
			return conns
		},
	} {
		for _, calls := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s, %d calls", name, calls), func(b *testing.B) {
				var servers []*net.UDPConn
				var addrs []netip.AddrPort
				for range calls {
					server, addr := remote(b)
					servers, addrs = append(servers, server), append(addrs, addr)
				}
				conns := open(addrs...)
				read := make(chan struct{})
				for _, conn := range conns {
					go func() { // ends with the conn
						data := make([]byte, 1500)
						for {
							if _, _, err := conn.(ice.AddrPortReaderWriter).ReadFromAddrPort(data); err != nil {
								return
							}
							read <- struct{}{}
						}
					}()
				}
				to := conns[0].LocalAddr().(*net.UDPAddr).AddrPort()
				packet := make([]byte, 100)
				packet[0] = 20
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					_, _ = servers[i%calls].WriteToUDPAddrPort(packet, to)
					<-read
				}
				for _, conn := range conns {
					_ = conn.Close()
				}
			})
		}
	}
}
