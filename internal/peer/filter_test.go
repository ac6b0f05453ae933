package peer

import (
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

// TestFilterDropsRTPAlone sends what may begin a datagram, for each byte that may follow,
// to a socket that the kernel filters, where it can, and to one that is wrapped.
func TestFilterDropsRTPAlone(t *testing.T) {
	t.Parallel()
	firsts := []byte{0, 1, 3, 16, 19, 20, 23, 63, 64, 79, 127, 128, 129, 143, 144, 191, 192, 255}
	for name, filter := range map[string]func(*net.UDPConn) net.PacketConn{
		"as the system can": func(c *net.UDPConn) net.PacketConn { return newFilter(c).socket() },
		"wrapped":           func(c *net.UDPConn) net.PacketConn { return &filteredConn{UDPConn: c} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
			socket, err := net.ListenUDP("udp", loopback)
			require.NoError(t, err)
			defer socket.Close()
			require.NoError(t, socket.SetDeadline(time.Now().Add(time.Minute)))
			conn := filter(socket)
			if name != "wrapped" && runtime.GOOS == "linux" {
				require.Same(t, socket, conn, "the kernel filters")
			}
			sender, err := net.DialUDP("udp", nil, socket.LocalAddr().(*net.UDPAddr))
			require.NoError(t, err)
			defer sender.Close()
			b := make([]byte, 100)
			for second := range 256 {
				var want, got [][]byte
				for _, first := range firsts {
					packet := append([]byte{first, byte(second)}, make([]byte, second%50)...)
					_, err := sender.Write(packet)
					require.NoError(t, err)
					// RFC 7983 figure 3, RFC 5761 section 4.
					rtp := first >= 128 && first <= 191 && (second&0x7F < 64 || second&0x7F > 95)
					if !rtp {
						want = append(want, packet)
					}
				}
				for range want {
					n, addr, err := conn.ReadFrom(b)
					require.NoError(t, err)
					require.Equal(t, sender.LocalAddr().String(), addr.String())
					got = append(got, append([]byte(nil), b[:n]...))
				}
				require.Equal(t, want, got)
			}
		})
	}
}

// TestFilteredConnNeedsNoAllocation: pion reads it without an address of its own for
// each packet.
func TestFilteredConnNeedsNoAllocation(t *testing.T) {
	// Not parallel: it counts allocations.
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var conn net.PacketConn = &filteredConn{UDPConn: socket}
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

// TestSpeakersAreNotHeard: what others in the call send does not reach pion, on a socket
// of its own and on a shared one, and what the server itself says does.
func TestSpeakersAreNotHeard(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]bool{"own socket": false, "shared socket": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var forwarded atomic.Int64
			server, err := sfu.New(sfu.Config{Forward: true, OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
				forwarded.Add(int64(p.Size))
			}})
			require.NoError(t, err)
			defer server.Close()
			cfg := Config{
				Logger: slog.New(slog.DiscardHandler), OnState: func(models.ConnState, error) {},
				Disconnected: 5 * time.Second, Failed: 10 * time.Second, Keepalive: time.Second, Upkeep: new(Upkeep),
			}
			if shared {
				cfg.Sockets = NewSocketPool(cfg)
			}
			join := func() (*Conn, *sfu.Participant) {
				id, err := NewIdentity(nil)
				require.NoError(t, err)
				params, err := id.Join().Encode()
				require.NoError(t, err)
				answer, err := server.Join(t.Context(), params)
				require.NoError(t, err)
				response, err := jsonparams.Decode(answer)
				require.NoError(t, err)
				conn, err := Dial(t.Context(), id, response, cfg)
				require.NoError(t, err)
				return conn, server.Participant(id.AudioSSRC)
			}
			listener, remote := join()
			defer listener.Close()
			speaker, _ := join()
			defer speaker.Close()
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
