package peer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

type change struct {
	state models.ConnState
	err   error
}

// observed returns a configuration with short timeouts and what OnState is given.
func observed() (peer.Config, chan change) {
	changes := make(chan change, 64)
	cfg := config()
	cfg.Disconnected, cfg.Failed, cfg.Keepalive = time.Second, 2*time.Second, 200*time.Millisecond
	cfg.OnState = func(s models.ConnState, err error) { changes <- change{s, err} }
	return cfg, changes
}

// TestTimeoutSaysHowFarItCame: a Dial that is not up in time names what is missing.
func TestTimeoutSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	cause := errors.Join(models.ErrConnectionTimeout, errors.New("not up in time"))
	for name, c := range map[string]struct {
		server sfu.Config
		edit   func(*jsonparams.Response, *sfu.Participant)
		within time.Duration
		word   string
	}{
		"silent":         {sfu.Config{SilentFor: time.Hour}, nil, time.Second, "ice: the server answers none of our checks"},
		"silent for two": {sfu.Config{SilentFor: time.Hour}, nil, 8 * time.Second, "ice: the server answers none of our checks"},
		"errors":         {sfu.Config{AnswerErrorsFor: time.Hour}, nil, time.Second, "ice: the server answers none of our checks"},
		"lite":           {sfu.Config{ICE: sfu.Lite}, nil, 1500 * time.Millisecond, "nominates no candidate pair"},
		"two clients": {
			sfu.Config{DTLSRole: sfu.ClientRole},
			func(r *jsonparams.Response, _ *sfu.Participant) { r.Transport.Passive = true },
			2 * time.Second, "dtls: the handshake is not over",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.within, cause)
			defer cancel()
			_, _, err := dialEdited(ctx, t, newServer(t, c.server), config(), c.edit)
			require.ErrorIs(t, err, models.ErrConnectionTimeout)
			require.ErrorContains(t, err, c.word)
		})
	}
}

// TestShortTimeoutsDoNotBoundDial: ICE's timeouts are for a connection that is up.
// While there is none the context decides, however long the server takes.
func TestShortTimeoutsDoNotBoundDial(t *testing.T) {
	t.Parallel()
	cfg, changes := observed()
	cfg.Disconnected, cfg.Failed = 300*time.Millisecond, 300*time.Millisecond
	_, _, err := dial(t.Context(), t, newServer(t, sfu.Config{SilentFor: 9 * time.Second}), cfg)
	require.NoError(t, err)
	require.Empty(t, changes)
}

// TestSilenceBeforeTheConnectionIsUp: ICE is connected, then disconnected, before DTLS
// is up.
func TestSilenceBeforeTheConnectionIsUp(t *testing.T) {
	t.Parallel()
	cfg, changes := observed()
	cfg.Disconnected, cfg.Failed = 300*time.Millisecond, 20*time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, _, err := dial(ctx, t, newServer(t, sfu.Config{HandshakeBlackOut: time.Second}), cfg)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func TestSilenceIsReportedAndEnds(t *testing.T) {
	t.Parallel()
	cfg, changes := observed()
	conn, remote, err := dial(t.Context(), t, newServer(t, sfu.Config{}), cfg)
	require.NoError(t, err)

	remote.Network().Silence(true)
	got := <-changes
	require.Equal(t, models.Disconnected, got.state)
	require.ErrorContains(t, got.err, "nothing heard from the server for 1")
	require.NotErrorIs(t, got.err, models.ErrConnectionFailed, "it may recover")
	remote.Network().Silence(false)
	require.Equal(t, change{models.Connected, nil}, <-changes)

	remote.Network().Silence(true)
	began := time.Now()
	require.Equal(t, models.Disconnected, (<-changes).state)
	got = <-changes
	t.Logf("failed after %s of silence", time.Since(began).Round(time.Millisecond))
	require.Equal(t, models.Failed, got.state)
	require.ErrorIs(t, got.err, models.ErrConnectionFailed)
	require.ErrorContains(t, got.err, "nothing heard from the server for 3s")
	require.GreaterOrEqual(t, time.Since(began), cfg.Disconnected+cfg.Failed-cfg.Keepalive-500*time.Millisecond)
	require.NoError(t, conn.Close())
	require.Empty(t, changes)
}

func TestKickSaysSo(t *testing.T) {
	t.Parallel()
	cfg, changes := observed()
	conn, remote, err := dial(t.Context(), t, newServer(t, sfu.Config{}), cfg)
	require.NoError(t, err)
	remote.Kick()
	got := <-changes
	require.Equal(t, models.Failed, got.state)
	require.ErrorIs(t, got.err, models.ErrConnectionFailed)
	require.ErrorContains(t, got.err, "closed by the server")
	require.NoError(t, conn.Close())
	require.Empty(t, changes)
}
