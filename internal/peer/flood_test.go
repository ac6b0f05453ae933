package peer_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/models"
)

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// ask sends what the server wants and plays pictures until it is obeyed, which shows
// that all it said before was read too.
func ask(t *testing.T, conn *peer.Conn, remote *sfu.Participant, height int) {
	t.Helper()
	var before, now models.Stats
	conn.Stats(&before)
	require.NoError(t, remote.SendVideoConstraints(height))
	broadcast(t, conn, func(int) bool {
		conn.Stats(&now)
		if height > 0 {
			return now.Video.Bytes > before.Video.Bytes
		}
		return now.PicturesUnwatched > before.PicturesUnwatched
	})
}

// TestFloodOnTheDataChannelLeavesNothing: messages of 256 KiB, text that is no JSON,
// and many of them, on eight connections. Each channel is read on, and no memory is
// kept for it.
func TestFloodOnTheDataChannelLeavesNothing(t *testing.T) {
	const conns = 8
	server := newServer(t, sfu.Config{})
	large := `{"colibriClass":"SenderVideoConstraints","x":"` + strings.Repeat("x", 255<<10) + `"}`
	flood := func(conn *peer.Conn, remote *sfu.Participant, most int) {
		for range most {
			require.NoError(t, remote.SendData(large))
			for range 100 {
				require.NoError(t, remote.SendData(`{"colibriClass":"SenderVideoConstraints"`))
			}
		}
		ask(t, conn, remote, 0)
		ask(t, conn, remote, 720)
	}
	var all [conns]struct {
		*peer.Conn
		remote *sfu.Participant
	}
	for i := range all {
		var err error
		all[i].Conn, all[i].remote, err = dial(t.Context(), t, server, config())
		require.NoError(t, err)
		<-all[i].remote.DataOpen()
		play(t, all[i].Conn)
		play(t, all[i].Conn) // the history is full
	}
	before := heap()
	var flooded sync.WaitGroup
	for _, c := range all {
		flooded.Add(1)
		go func() {
			defer flooded.Done()
			flood(c.Conn, c.remote, 5)
		}()
	}
	flooded.Wait()
	grown := (heap() - before) / conns
	t.Logf("%d kB more heap for each", grown/1000)
	require.Less(t, grown, 256<<10)
}

// kept runs a flood once to fill what is of fixed size, on either side, and returns
// by how much the heap has grown after four more. pion's buffers grow to a megabyte
// each, whenever a reader is late: what a leak keeps is more than that.
func kept(t *testing.T, flood func()) int {
	t.Helper()
	flood()
	before := heap()
	for range 4 {
		flood()
	}
	grown := heap() - before
	t.Logf("%d kB more heap", grown/1000)
	return grown
}

// TestFloodOfRTCPLeavesNothing: reports, key frame requests, bitrate limits and unknown
// types, all of one stream. Media flows on, and no memory is kept.
func TestFloodOfRTCPLeavesNothing(t *testing.T) {
	conn, remote, err := dial(t.Context(), t, newServer(t, sfu.Config{}), config())
	require.NoError(t, err)
	video := remote.SSRC() + 1
	unknown := rtcp.RawPacket{0x80, 210, 0, 1, 0, 0, 0, 1}
	var blocks []rtcp.ReceptionReport
	for range 31 {
		blocks = append(blocks, rtcp.ReceptionReport{
			SSRC: video, FractionLost: 255, TotalLost: 1<<24 - 1, Jitter: 1<<32 - 1, LastSenderReport: 1, Delay: 1 << 31,
		})
	}
	require.Less(t, kept(t, func() {
		for range 10_000 {
			require.NoError(t, remote.SendRTCP(
				&rtcp.ReceiverReport{SSRC: 1, Reports: blocks},
				&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: video},
				&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1, SSRCs: []uint32{video}},
				&unknown,
			))
		}
		for range 5 {
			play(t, conn)
		}
	}), 4*512<<10)
	var stats models.Stats
	conn.Stats(&stats)
	require.EqualValues(t, 5*5*50, stats.Audio.Packets)
}

// TestNobodyWatches: pictures are withheld while the server wants none, padding keeps
// their stream alive, and they come back with a key frame.
func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	packets := make(chan sfu.Packet, 1<<14)
	server := newServer(t, sfu.Config{
		IdleVideoGC: 5 * time.Second,
		OnRTP: func(p *sfu.Participant, packet sfu.Packet) {
			if packet.Header.SSRC == p.SSRC()+1 {
				packets <- packet
			}
		},
	})
	conn, remote, err := dial(t.Context(), t, server, config())
	require.NoError(t, err)
	<-remote.DataOpen()
	ask(t, conn, remote, 0)
	broadcast(t, conn, func(pictures int) bool { return pictures == 8*25 })
	ask(t, conn, remote, 180)
	broadcast(t, conn, func(pictures int) bool { return pictures == 2*25 })
	require.NoError(t, conn.Close())
	<-remote.Done()
	require.Empty(t, remote.Violations())
	close(packets)

	var before, padding, after int
	for p := range packets {
		switch {
		case p.Header.Padding:
			padding++
		case padding == 0:
			before++
		default:
			if after++; after == 1 {
				require.Zero(t, p.Payload[4]&1, "a key frame (RFC 6386 section 9.1)")
			}
		}
	}
	t.Logf("%d packets, %d of padding, %d packets", before, padding, after)
	require.Positive(t, before)
	require.GreaterOrEqual(t, padding, 2)
	require.Positive(t, after, "a busy machine looks like a congested path: how many does not matter")
}
