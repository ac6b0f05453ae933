package e2e_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// logRecorder is a slog.Handler that keeps what is logged.
type logRecorder struct {
	mu      sync.Mutex
	changed chan struct{}
	records []map[string]any // by message, under the key ""
}

func newLogRecorder() *logRecorder { return &logRecorder{changed: make(chan struct{})} }

func (l *logRecorder) logger() *slog.Logger                     { return slog.New(l) }
func (l *logRecorder) Enabled(context.Context, slog.Level) bool { return true }
func (l *logRecorder) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logRecorder) WithGroup(string) slog.Handler            { return l }
func (l *logRecorder) Handle(_ context.Context, r slog.Record) error {
	record := map[string]any{"": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		record[a.Key] = a.Value.Any()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// find returns the first record that matches, and what closes when there are more.
func (l *logRecorder) find(match func(map[string]any) bool) (map[string]any, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if match(r) {
			return r, nil
		}
	}
	return nil, l.changed
}

// await waits for a message.
func (l *logRecorder) await(message string) map[string]any {
	for {
		r, more := l.find(func(r map[string]any) bool { return r[""] == message })
		if r != nil {
			return r
		}
		<-more
	}
}

func (l *logRecorder) has(key string) bool {
	r, _ := l.find(func(r map[string]any) bool { _, ok := r[key]; return ok })
	return r != nil
}

func TestConnectTimeoutIsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{SilentFor: time.Hour}, gotgcall.WithConnectTimeout(200*time.Millisecond))
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	err = s.Connect(chat, answer)
	require.ErrorIs(t, err, gotgcall.ErrConnectionTimeout)
	require.ErrorContains(t, err, "200ms")
	require.Equal(t, gotgcall.Connecting, <-s.states)
	require.Equal(t, gotgcall.Timeout, <-s.states)
	require.Empty(t, s.Calls(), "the chat is free again")
}

func TestStallTimeoutEndsAnOpening(t *testing.T) {
	t.Parallel()
	s, _ := connected(t, sfu.Config{}, gotgcall.WithStallTimeout(100*time.Millisecond))
	require.ErrorIs(t, s.SetStreamSources(chat, hung{make(chan struct{})}), gotgcall.ErrStalled)
}

func TestICETimeoutsEndALostConnection(t *testing.T) {
	t.Parallel()
	s, remote := playing(t, sfu.Config{}, gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60}), gotgcall.EncodeOptions{}), gotgcall.WithICETimeouts(500*time.Millisecond, time.Second, 100*time.Millisecond))
	require.Equal(t, gotgcall.Connecting, <-s.states)
	require.Equal(t, gotgcall.Connected, <-s.states)
	remote.Network().BlackOut(800 * time.Millisecond)
	require.Equal(t, gotgcall.Disconnected, <-s.states)
	require.Equal(t, gotgcall.Connected, <-s.states, "it recovers and goes on")
	require.Empty(t, s.ends)
	remote.Network().Silence(true)
	require.Equal(t, gotgcall.Disconnected, <-s.states)
	require.Equal(t, gotgcall.Failed, <-s.states)
	end := s.awaitEnds(t, 1)[0]
	require.ErrorIs(t, end.err, gotgcall.ErrConnectionFailed)
	require.Empty(t, s.Calls(), "the chat is free again")
	_, err := s.CreateCall(chat)
	require.NoError(t, err)
}

func TestNetworkTypesLimitTheWay(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{}, gotgcall.WithNetworkTypes(gotgcall.UDP6))
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(t.Context(), params)
	require.NoError(t, err)
	require.ErrorIs(t, s.Connect(chat, answer), gotgcall.ErrConnectionFailed, "the server has IPv4 only")

	s = newFixture(t, sfu.Config{}, gotgcall.WithNetworkTypes(gotgcall.UDP4))
	s.join(t, chat)
}

func TestICEServersAreAsked(t *testing.T) {
	t.Parallel()
	stun, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer stun.Close()
	connected(t, sfu.Config{}, gotgcall.WithICEServers([]gotgcall.ICEServer{{URLs: []string{"stun:" + stun.LocalAddr().String()}}}))
	n, _, err := stun.ReadFrom(make([]byte, 1500))
	require.NoError(t, err)
	require.Positive(t, n)
}

func TestDebugLogsBringPionsLog(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		log := newLogRecorder()
		opts := []gotgcall.Option{gotgcall.WithLogger(log.logger())}
		if on {
			opts = append(opts, gotgcall.WithDebugLogs())
		}
		s, remote := connected(t, sfu.Config{}, opts...)
		s.leave(t, chat, remote)
		require.Equal(t, on, log.has("pion"))
	}
}

func TestFFmpegStderrIsLogged(t *testing.T) {
	t.Parallel()
	bad := t.TempDir() + "/text.mp3"
	require.NoError(t, mediatest.WriteText(bad))
	for _, on := range []bool{true, false} {
		log := newLogRecorder()
		opts := []gotgcall.Option{gotgcall.WithLogger(log.logger())}
		if on {
			opts = append(opts, gotgcall.WithFFmpegStderrLog())
		}
		s, _ := connected(t, sfu.Config{}, opts...)
		require.ErrorIs(t, s.SetStreamSources(chat, gotgcall.FromFile(bad, gotgcall.EncodeOptions{})), gotgcall.ErrFile)
		require.Equal(t, on, log.has("stderr"))
	}
}
