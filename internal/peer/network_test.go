package peer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// broadcast writes sound and 25 pictures a second of 800 kbit/s, with a key frame
// each second, at their times. It looks at done with each picture.
func broadcast(t *testing.T, conn *peer.Conn, done func(pictures int) bool) {
	t.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(i) * 20 * time.Millisecond)
		require.NoError(t, conn.Audio().WriteFrame(make([]byte, 320), due))
		if i%2 == 0 {
			picture := make([]byte, 4000)
			if i%50 != 0 {
				picture[0] = 1 // not a key frame (RFC 6386 section 9.1)
			}
			require.NoError(t, conn.Video().WriteFrame(picture, due))
			if done(i / 2) {
				return
			}
		}
		// What a ticker leaves out would be late from then on.
		<-time.After(time.Until(due.Add(20 * time.Millisecond)))
	}
}

func shed(conn *peer.Conn) uint64 {
	var stats models.Stats
	conn.Stats(&stats)
	return stats.PicturesShed
}

// TestPictureSurvivesALongerPath: packets take 150 ms longer from one moment on, as
// after a change of route. Nothing queues and nothing is lost: within 30 s there are
// five in which every picture is sent.
func TestPictureSurvivesALongerPath(t *testing.T) {
	t.Parallel()
	line := netem.Shape{Delay: 20 * time.Millisecond}
	for name, cfg := range map[string]sfu.Config{
		"plain":                  {Up: line},
		"telegram's test server": {Up: line, Strict: true},
		"coarse feedback":        {Up: line, Feedback: sfu.Feedback{Coarse: true}},
		"feedback on video":      {Up: line, Feedback: sfu.Feedback{Video: true, FixedCount: true}},
		"reference time wraps":   {Up: line, Feedback: sfu.Feedback{Reference: 1<<24 - 100}},
		"swapped feedback":       {Up: line, Feedback: sfu.Feedback{Swap: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, remote, err := dial(t.Context(), t, newServer(t, cfg), config())
			require.NoError(t, err)
			const second = 25
			var heldBack uint64
			clean := 0
			broadcast(t, conn, func(pictures int) bool {
				if pictures == 3*second {
					require.NoError(t, remote.Network().SetUp(netem.Shape{Delay: 170 * time.Millisecond}))
				}
				if pictures <= 4*second {
					return false
				}
				before := heldBack
				if heldBack = shed(conn); heldBack == before {
					clean++
				} else {
					clean = 0
				}
				return clean == 5*second || pictures > 34*second
			})
			var stats models.Stats
			conn.Stats(&stats)
			t.Logf("%d pictures were held back, %d kbit/s arrive", heldBack, stats.Bandwidth/1000)
			require.Equal(t, !cfg.Strict, stats.Bandwidth > 0, "feedback that can be read")
			require.Equal(t, 5*second, clean, "pictures sent in a row")
		})
	}
}

// TestDatagramsFitTheLeastMTU: pictures, retransmissions and long packets
// of sound fit the 1280 bytes that IPv6 grants any path, with all their headers, and a
// header of TURN.
func TestDatagramsFitTheLeastMTU(t *testing.T) {
	t.Parallel()
	const headers = 40 + 8 + 4 // IPv6, UDP, ChannelData
	var mu sync.Mutex
	largest := map[uint8]int{}
	retransmitted := make(chan struct{}, 1024)
	server := newServer(t, sfu.Config{
		NACK: true, Up: netem.Shape{Loss: 0.2}, Seed: 1,
		SRTPProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM},
		OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
			mu.Lock()
			defer mu.Unlock()
			largest[p.Header.PayloadType] = max(largest[p.Header.PayloadType], p.Size+headers)
			if p.Header.PayloadType == jsonparams.PayloadTypeRTX {
				retransmitted <- struct{}{}
			}
		},
	})
	conn, _, err := dial(t.Context(), t, server, config())
	require.NoError(t, err)
	long := append([]byte{0xff, 6}, make([]byte, 6*1000)...) // six frames of 20 ms
	for range 5 {
		require.NoError(t, conn.Audio().WriteFrame(long, time.Now()))
		require.NoError(t, conn.Video().WriteFrame(make([]byte, 60_000), time.Now()))
	}
	for range 5 {
		<-retransmitted
	}
	mu.Lock()
	defer mu.Unlock()
	t.Log(largest)
	require.Greater(t, largest[jsonparams.PayloadTypeVP8], 1250, "no room is wasted either")
	require.Greater(t, largest[jsonparams.PayloadTypeRTX], largest[jsonparams.PayloadTypeVP8])
	for payloadType, size := range largest {
		require.LessOrEqual(t, size, 1280, "payload type %d", payloadType)
	}
}
