package peer

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// TestFilterDropsWhatIsNotWanted sends what may begin a datagram, for each byte that may
// follow, and feedback alone and in company, to a socket that the kernel filters, where it
// can, and to one that is wrapped, for all that a connection may want.
func TestFilterDropsWhatIsNotWanted(t *testing.T) {
	t.Parallel()
	firsts := []byte{0, 1, 3, 16, 19, 20, 23, 63, 64, 79, 127, 128, 129, 143, 144, 191, 192, 255}
	const gcm, cm = 20, 14 // what follows RTCP: RFC 7714 section 9.2, RFC 3711 section 3.4
	// Transport-wide feedback of 24 bytes, and what comes after it.
	packet := func(rest int) []byte { return append([]byte{0x8F, 205, 0, 5}, make([]byte, 20+rest)...) }
	type datagram struct {
		data          []byte
		rtp, feedback bool
	}
	all := []datagram{
		{packet(gcm), false, true}, {packet(cm), false, true}, {packet(cm + 4), false, true}, // a key's index
		{packet(gcm + 8), false, false}, {packet(cm + 8), false, false}, {packet(gcm + 100), false, false}, // a report follows
		{packet(0)[:10], false, false}, {[]byte{0x8F, 205, 0xFF, 0xFF, 0}, false, false}, // malformed
		{[]byte{0xAF, 205, 0, 0}, false, true}, {[]byte{0x8F, 206, 0, 0}, false, false}, {[]byte{0x81, 205, 0, 0}, false, false},
	}
	for second := range 256 {
		for _, first := range firsts {
			data := append([]byte{first, byte(second)}, make([]byte, 2+second%15)...)
			rtp := first >= 128 && first <= 191 && (second&0x7F < 64 || second&0x7F > 95) // RFC 7983 figure 3, RFC 5761 section 4
			all = append(all, datagram{data, rtp, first == 0x8F && second == 205})
		}
	}
	for name, kernel := range map[string]bool{"by the kernel": true, "by the reader": false} {
		for _, c := range []struct{ rtp, feedback bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			t.Run(fmt.Sprintf("%s, rtp %t, feedback %t", name, c.rtp, c.feedback), func(t *testing.T) {
				t.Parallel()
				if kernel && runtime.GOOS != "linux" {
					t.Skip("a filter of Linux")
				}
				socket, addr := remote(t)
				var wants reception
				var conn net.PacketConn = filteredConn{socket, &wants}
				if kernel {
					conn = socket
					wants.add(newFilter(socket))
				}
				for range 3 { // it is switched while the socket is open
					wants.set(othersRTP, !c.rtp)
					wants.set(othersRTP, c.rtp)
					wants.set(feedback, !c.feedback)
					wants.set(feedback, c.feedback)
				}
				sender, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
				require.NoError(t, err)
				defer sender.Close()
				b := make([]byte, 200)
				for _, d := range all {
					_, err := sender.Write(d.data)
					require.NoError(t, err)
					if d.rtp && !c.rtp || d.feedback && !c.feedback {
						continue
					}
					n, from, err := conn.ReadFrom(b)
					require.NoError(t, err)
					require.Equal(t, sender.LocalAddr().String(), from.String())
					require.Equal(t, d.data, b[:n])
				}
			})
		}
	}
}

// TestFilterServesAllThatShareIt: what one connection wants passes until it has gone, and
// is not read for the others.
func TestFilterServesAllThatShareIt(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	one, first := remote(t)
	two, second := remote(t)
	var wants, none reception
	l, err := pool.lease(loopbackRoute(first.String()), &wants)
	require.NoError(t, err)
	k, err := pool.lease(loopbackRoute(second.String()), &none)
	require.NoError(t, err)
	a, b := l.paths[0], k.paths[0]
	local := a.LocalAddr().(*net.UDPAddr).AddrPort()
	send := func(packet ...byte) {
		for _, server := range []*net.UDPConn{one, two} {
			_, err := server.WriteToUDPAddrPort(packet, local)
			require.NoError(t, err)
		}
	}
	read := func(p *path) byte {
		data := make([]byte, 10)
		n, _, err := p.ReadFromAddrPort(data)
		require.NoError(t, err)
		require.Positive(t, n)
		return data[0]
	}
	wants.set(othersRTP, true)
	send(0x80, 111)
	send(20, 0)
	require.EqualValues(t, 0x80, read(a))
	require.EqualValues(t, 20, read(a))
	require.EqualValues(t, 20, read(b))
	wants.close()
	wants.set(othersRTP, true) // too late
	send(0x80, 111)
	send(20, 0)
	require.EqualValues(t, 20, read(a))
	require.EqualValues(t, 20, read(b))
	require.Zero(t, a.socket.filter.wanted)
	require.NoError(t, l.Close())
	require.NoError(t, k.Close())
}

// TestFeedbackIsReadForPicturesAlone: none without a picture, and some with the first.
func TestFeedbackIsReadForPicturesAlone(t *testing.T) {
	t.Parallel()
	server, err := sfu.New(sfu.Config{})
	require.NoError(t, err)
	defer server.Close()
	c, remote := dialed(t, server)
	figures := func() (s models.Stats) {
		c.Stats(&s)
		return s
	}
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; <-time.After(20 * time.Millisecond) {
		require.NoError(t, c.Audio().WriteFrame(make([]byte, 300), time.Now()))
	}
	require.Zero(t, figures().Bandwidth)
	require.NoError(t, remote.SendVideoConstraints(720))
	for figures().Bandwidth == 0 {
		require.NoError(t, c.Video().WriteFrame(make([]byte, 300), time.Now()))
		<-time.After(20 * time.Millisecond)
	}
	c.reception.set(feedback, false)
	require.NoError(t, c.Video().WriteFrame(make([]byte, 300), time.Now()))
	require.True(t, c.reception.wanted[feedback].Load())
}

// dialed returns a connection to a server, and its participant.
func dialed(t testing.TB, server *sfu.SFU) (*Conn, *sfu.Participant) {
	t.Helper()
	id, err := NewIdentity(nil)
	require.NoError(t, err)
	params, err := id.Join().Encode()
	require.NoError(t, err)
	answer, err := server.Join(t.Context(), params)
	require.NoError(t, err)
	response, err := jsonparams.Decode(answer)
	require.NoError(t, err)
	c, err := Dial(t.Context(), id, response, Config{
		Logger: slog.New(slog.DiscardHandler), OnState: func(models.ConnState, error) {},
		Disconnected: 5 * time.Second, Failed: 10 * time.Second, Keepalive: time.Second, Upkeep: new(Upkeep), Sockets: NewSocketPool(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, server.Participant(id.AudioSSRC)
}

// TestFilteredConnNeedsNoAllocation: pion reads it without an address of its own for
// each packet.
func TestFilteredConnNeedsNoAllocation(t *testing.T) {
	// Not parallel: it counts allocations.
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var conn net.PacketConn = filteredConn{socket, new(reception)}
	fast, ok := conn.(ice.AddrPortReaderWriter)
	require.True(t, ok)
	self := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	b := make([]byte, 100)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for _, packet := range [][]byte{{0x80, 111, 1}, {20, 1}} {
			if _, err := fast.WriteToAddrPort(packet, self); err != nil {
				t.Error(err)
			}
		}
		if n, _, err := fast.ReadFromAddrPort(b); err != nil || n != 2 {
			t.Error(n, err)
		}
	}))
	require.NoError(t, conn.Close())
	_, _, err = fast.ReadFromAddrPort(b)
	require.ErrorIs(t, err, net.ErrClosed)
	require.NotErrorIs(t, err, io.EOF)
}

// TestSpeakersAreNotHeard: what others in the call send does not reach pion, whether the
// kernel drops it or the reader does, and what the server itself says does.
func TestSpeakersAreNotHeard(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]bool{"as the system can": false, "without a filter": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var forwarded atomic.Int64
			server, err := sfu.New(sfu.Config{Forward: true, OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
				forwarded.Add(int64(p.Size))
			}})
			require.NoError(t, err)
			defer server.Close()
			listener, remote := dialed(t, server)
			speaker, _ := dialed(t, server)
			if deaf {
				require.NoError(t, setFilter(listener.lease.paths[0].socket.conn, true, true))
			}
			<-remote.DataOpen()
			for forwarded.Load() < 300_000 {
				due := time.Now()
				for i := range 10 {
					require.NoError(t, speaker.Audio().WriteFrame(make([]byte, 1000), due.Add(time.Duration(i)*20*time.Millisecond)))
				}
				<-time.After(5 * time.Millisecond)
			}
			// The listener has read this, and so all that came before it.
			require.NoError(t, remote.SendVideoConstraints(0))
			for stats := (models.Stats{}); stats.PicturesUnwatched == 0; listener.Stats(&stats) {
				require.NoError(t, listener.Video().WriteFrame(make([]byte, 100), time.Now()))
				<-time.After(5 * time.Millisecond)
			}
			var received uint64
			for _, s := range listener.pc.GetStats() {
				if pair, ok := s.(webrtc.ICECandidatePairStats); ok {
					received += pair.BytesReceived
				}
			}
			t.Logf("%d of %d bytes were read", received, forwarded.Load())
			require.Positive(t, received)
			require.Less(t, received, uint64(50_000))
		})
	}
}

// TestNetworkHasTheAddressesOfTheRoute and no others of the machine.
func TestNetworkHasTheAddressesOfTheRoute(t *testing.T) {
	t.Parallel()
	r := route{locals: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}}
	interfaces, err := newNetwork(r, new(reception)).Interfaces()
	require.NoError(t, err)
	require.Len(t, interfaces, 1)
	addrs, err := interfaces[0].Addrs()
	require.NoError(t, err)
	require.Len(t, addrs, 2)
	require.Equal(t, "192.0.2.1/32", addrs[0].String())
	require.Equal(t, "2001:db8::1/128", addrs[1].String())
	require.NotZero(t, interfaces[0].Flags&net.FlagUp)
}
