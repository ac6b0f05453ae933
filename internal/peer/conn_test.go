package peer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() peer.Config {
	return peer.Config{
		Logger:       slog.New(slog.DiscardHandler),
		OnState:      func(models.ConnState, error) {},
		Disconnected: 5 * time.Second, Failed: 10 * time.Second, Keepalive: time.Second,
		Upkeep: new(peer.Upkeep), Sockets: peer.NewSocketPool(),
	}
}

// dial joins a server and connects to it.
func dial(ctx context.Context, t *testing.T, server *sfu.SFU, cfg peer.Config) (*peer.Conn, *sfu.Participant, error) {
	t.Helper()
	return dialEdited(ctx, t, server, cfg, nil)
}

// dialEdited is dial after prepare has seen, or changed, what is there before it.
func dialEdited(
	ctx context.Context, t *testing.T, server *sfu.SFU, cfg peer.Config, prepare func(*jsonparams.Response, *sfu.Participant),
) (*peer.Conn, *sfu.Participant, error) {
	t.Helper()
	id, err := peer.NewIdentity(nil)
	require.NoError(t, err)
	params, err := id.Join().Encode()
	require.NoError(t, err)
	answer, err := server.Join(context.WithoutCancel(ctx), params)
	require.NoError(t, err)
	response, err := jsonparams.Decode(answer)
	require.NoError(t, err)
	if prepare != nil {
		prepare(response, server.Participant(id.AudioSSRC))
	}
	conn, err := peer.Dial(ctx, id, response, cfg)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, conn.Close()) })
	}
	return conn, server.Participant(id.AudioSSRC), err
}

func newServer(t *testing.T, cfg sfu.Config) *sfu.SFU {
	t.Helper()
	server, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

// play writes a second of both tracks at once.
func play(t *testing.T, conn *peer.Conn) {
	t.Helper()
	start := time.Now()
	for i := range 50 {
		due := start.Add(time.Duration(i) * 20 * time.Millisecond)
		require.NoError(t, conn.Audio().WriteFrame([]byte{0xfc, 1, 2, 3, 4}, due))
		require.NoError(t, conn.Video().WriteFrame(make([]byte, 3000), due))
	}
}

func TestDialConnectsAndBreaksNoRule(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sfu.Config{
		"controlling server":       {ICE: sfu.Controlling},
		"controlled server":        {ICE: sfu.Controlled},
		"lite server":              {ICE: sfu.Lite},
		"server waits for hello":   {DTLSRole: sfu.ServerRole},
		"telegram's test server":   {Strict: true},
		"unroutable ipv6 first":    {UnroutableIPv6: true},
		"no audio in the answer":   {OmitAudio: true},
		"errors for the first 2 s": {AnswerErrorsFor: 2 * time.Second},
		"silent for the first 2 s": {SilentFor: 2 * time.Second},
		"errors for the first 8 s": {AnswerErrorsFor: 8 * time.Second},
		"silent, then lite":        {SilentFor: 4 * time.Second, ICE: sfu.Lite},
		"lite, waits for hello":    {ICE: sfu.Lite, DTLSRole: sfu.ServerRole},
		"controlled, waits":        {ICE: sfu.Controlled, DTLSRole: sfu.ServerRole},
		"test server, lite":        {Strict: true, ICE: sfu.Lite},
		"test server, controlled":  {Strict: true, ICE: sfu.Controlled},
		"drops our first role":     {ICE: sfu.Controlled, DropRoleConflicts: true},
		"drops it, test server":    {ICE: sfu.Controlled, DropRoleConflicts: true, Strict: true},
		"drops our second role":    {SilentFor: 4 * time.Second, DropRoleConflicts: true},
		"aes-256-gcm only":         {SRTPProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM}},
		"aes-128-gcm only":         {SRTPProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}},
		"aes-128-cm only":          {SRTPProfiles: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}},
		"chatter on the channel":   {Chatter: true, SenderVideoHeight: 720, REMB: 500_000},
		"delay and loss":           {Up: netem.Shape{Delay: 50 * time.Millisecond, Loss: 0.05}, Down: netem.Shape{Delay: 50 * time.Millisecond, Loss: 0.05}, NACK: true},
		"reordering, duplicates":   {Up: netem.Shape{Reorder: 0.1, Duplicate: 0.1}, Down: netem.Shape{Reorder: 0.1, Duplicate: 0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The gate of Client.Connect: every form connects within it.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			conn, remote, err := dial(ctx, t, newServer(t, cfg), config())
			require.NoError(t, err)
			play(t, conn)
			require.NoError(t, conn.Close())
			<-remote.Done()
			require.Empty(t, remote.Violations())
		})
	}
}

// TestDialTakesTurnsOnASharedSocket: the second role uses the socket of the first.
func TestDialTakesTurnsOnASharedSocket(t *testing.T) {
	t.Parallel()
	cfg := config()
	for _, mode := range []sfu.Config{{ICE: sfu.Lite}, {ICE: sfu.Controlled, DropRoleConflicts: true}} {
		conn, remote, err := dial(t.Context(), t, newServer(t, mode), cfg)
		require.NoError(t, err)
		play(t, conn)
		require.NoError(t, conn.Close())
		<-remote.Done()
		require.Empty(t, remote.Violations())
	}
}

// TestDialFindsTheOneOfManyCandidates: of the 32 that an answer may have, 31 lead
// nowhere.
func TestDialFindsTheOneOfManyCandidates(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := dialEdited(ctx, t, newServer(t, sfu.Config{}), config(), func(r *jsonparams.Response, _ *sfu.Participant) {
		good := r.Transport.Candidates[0]
		r.Transport.Candidates = nil
		for i := range 31 {
			dead := good
			dead.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}), 9)
			dead.Foundation = strconv.Itoa(i + 10)
			r.Transport.Candidates = append(r.Transport.Candidates, dead)
		}
		r.Transport.Candidates = append(r.Transport.Candidates, good)
	})
	require.NoError(t, err)
}

func TestDialRefusesAnotherCertificate(t *testing.T) {
	t.Parallel()
	_, remote, err := dial(t.Context(), t, newServer(t, sfu.Config{WrongFingerprint: true}), config())
	require.ErrorIs(t, err, models.ErrConnectionFailed)
	require.ErrorContains(t, err, "fingerprint")
	select {
	case <-remote.Connected():
		t.Fatal("keys were derived from a certificate that is not the announced one")
	default:
	}
}

func TestDialGivesUpWithTheCauseOfItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("called off")
	ctx, cancel := context.WithCancelCause(t.Context())
	server := newServer(t, sfu.Config{SilentFor: time.Hour})
	time.AfterFunc(200*time.Millisecond, func() { cancel(cause) })
	_, _, err := dial(ctx, t, server, config())
	require.ErrorIs(t, err, cause)
}

// TestStreamsStayAliveAndAreReported: an idle video stream gets a padding packet
// every 2 s, and what was sent gets sender reports whose two times agree.
func TestStreamsStayAliveAndAreReported(t *testing.T) {
	t.Parallel()
	padding := make(chan sfu.Packet, 64)
	reports := make(chan *rtcp.SenderReport, 64)
	server := newServer(t, sfu.Config{
		IdleVideoGC: 5 * time.Second,
		OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
			if p.Header.Padding {
				padding <- p
			}
		},
		OnRTCP: func(_ *sfu.Participant, packets []rtcp.Packet, _ time.Time) {
			for _, p := range packets {
				if sr, ok := p.(*rtcp.SenderReport); ok {
					reports <- sr
				}
			}
		},
	})
	conn, remote, err := dial(t.Context(), t, server, config())
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, conn.Audio().WriteFrame([]byte{0xfc, 1, 2, 3, 4}, start))

	first, second := <-padding, <-padding
	require.EqualValues(t, 100, first.Header.PayloadType)
	require.Equal(t, remote.SSRC()+1, first.Header.SSRC)
	require.Equal(t, first.Header.SequenceNumber+1, second.Header.SequenceNumber)

	a := <-reports
	require.Equal(t, remote.SSRC(), a.SSRC)
	for b := range reports {
		if b.SSRC != a.SSRC {
			continue
		}
		seconds := float64(b.NTPTime-a.NTPTime) / (1 << 32)
		require.Positive(t, seconds)
		require.InDelta(t, seconds*48000, float64(b.RTPTime-a.RTPTime), 2)
		break
	}
	require.NoError(t, conn.Close())
	<-remote.Done()
	require.Empty(t, remote.Violations())
}

// TestLostPacketsAreRetransmitted: NACKed video comes back on the announced RTX SSRC.
func TestLostPacketsAreRetransmitted(t *testing.T) {
	t.Parallel()
	retransmitted := make(chan sfu.Packet, 1024)
	server := newServer(t, sfu.Config{
		NACK: true,
		Up:   netem.Shape{Loss: 0.2},
		Seed: 1,
		OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
			if p.Header.PayloadType == jsonparams.PayloadTypeRTX {
				retransmitted <- p
			}
		},
	})
	conn, remote, err := dial(t.Context(), t, server, config())
	require.NoError(t, err)
	play(t, conn)
	for range 5 {
		p := <-retransmitted
		require.Equal(t, remote.SSRC()+2, p.Header.SSRC)
	}
	var stats models.Stats
	conn.Stats(&stats)
	require.GreaterOrEqual(t, stats.Video.Retransmitted, uint64(5))
	require.NoError(t, conn.Close())
	<-remote.Done()
	require.Empty(t, remote.Violations())
}

func TestIdentitiesAreDistinctAndFitSignedIntegers(t *testing.T) {
	t.Parallel()
	pool := peer.NewCertPool(2)
	t.Cleanup(pool.Close)
	seen := make(map[string]bool)
	for range 200 {
		id, err := peer.NewIdentity(pool)
		require.NoError(t, err)
		require.Positive(t, int32(id.AudioSSRC))
		require.Positive(t, int32(id.Layers[2].RTX))
		require.Equal(t, id.AudioSSRC+6, id.Layers[2].RTX)
		require.False(t, seen[id.Fingerprint] || seen[id.Ufrag], "used twice")
		seen[id.Fingerprint], seen[id.Ufrag] = true, true
	}
}

func TestCertPoolOfNoneIsNone(t *testing.T) {
	t.Parallel()
	require.Nil(t, peer.NewCertPool(0), "no goroutine makes certificates")
	peer.NewCertPool(0).Close()
	_, err := peer.NewIdentity(peer.NewCertPool(0))
	require.NoError(t, err)
}

func BenchmarkNewIdentity(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := peer.NewIdentity(nil); err != nil {
			b.Fatal(err)
		}
	}
}
