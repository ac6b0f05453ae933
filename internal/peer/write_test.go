package peer

import (
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

// abandoned returns a connection whose server has gone without a word, so that whatever is
// counted is the connection's. A socket that nobody reads is in its place. Another call
// shares the connection's.
func abandoned(t testing.TB) *Conn {
	t.Helper()
	server, err := sfu.New(sfu.Config{})
	require.NoError(t, err)
	c, remote := dialed(t, server)
	remote.Network().Silence(true)
	require.NoError(t, server.Close())
	sink, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(c.route.candidates[0].Addr))
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	other, err := c.cfg.Sockets.lease(loopbackRoute("127.0.0.1:9"), new(reception))
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	return c
}

// raced reports whether this is a build with the race detector.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestPacketsNeedNoAllocation from a frame to the socket, through all of pion, at once and
// in batches. With the race detector a sync.Pool forgets on purpose, for five packets of
// three pools each at most.
func TestPacketsNeedNoAllocation(t *testing.T) {
	// Not parallel: it counts allocations.
	c := abandoned(t)
	sound, picture := make([]byte, 320), make([]byte, 3500)
	for name, write := range map[string]func(){
		"at once": func() {
			require.NoError(t, c.Audio().WriteFrame(sound, time.Now()))
			require.NoError(t, c.Video().WriteFrame(picture, time.Now()))
		},
		"held": func() {
			c.cfg.Sockets.Hold()
			require.NoError(t, c.Audio().WriteFrame(sound, time.Now()))
			require.NoError(t, c.Video().WriteFrame(picture, time.Now()))
			c.cfg.Sockets.Flush()
		},
	} {
		for range 256 { // the history takes room for each packet once
			write()
		}
		most := 0.0
		if raced() {
			most = 15
		}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, write), most, name)
	}
}

// BenchmarkWrite sends frames through pion to a socket: ns per packet. What is held leaves
// in batches of 32 packets of sound, or of a picture.
func BenchmarkWrite(b *testing.B) {
	for _, held := range []bool{false, true} {
		c := abandoned(b)
		sound, picture := make([]byte, 320), make([]byte, 3500)
		pool := c.cfg.Sockets
		b.Run(fmt.Sprintf("sound, held %t", held), func(b *testing.B) {
			b.ReportAllocs()
			due := time.Now()
			for i := 0; b.Loop(); i++ {
				if held && i%32 == 0 {
					pool.Flush()
					pool.Hold()
				}
				_ = c.Audio().WriteFrame(sound, due)
			}
			pool.Flush()
		})
		b.Run(fmt.Sprintf("pictures, held %t", held), func(b *testing.B) {
			b.ReportAllocs()
			due := time.Now()
			for b.Loop() {
				if held {
					pool.Hold()
				}
				_ = c.Video().WriteFrame(picture, due)
				pool.Flush()
			}
		})
	}
}
