package e2e_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

func TestMain(m *testing.M) {
	subprocess.Main()
	goleak.VerifyTestMain(m)
}

const (
	ffmpeg = "ffmpeg"
	chat   = int64(-1001234567890)
)

// encoding serialises making and judging media, which would otherwise delay the tests
// that are playing.
var encoding sync.Mutex

func serially(work func()) {
	encoding.Lock()
	defer encoding.Unlock()
	work()
}

// streamEnd is one call of OnStreamEnd.
type streamEnd struct {
	chat   int64
	kind   gotgcall.StreamType
	device gotgcall.Device
	err    error
}

// fixture is a Client, the server it joins, and what both reported.
type fixture struct {
	*gotgcall.Client
	server *sfu.SFU
	ends   chan streamEnd
	states chan gotgcall.ConnState

	last gotgcall.Stats // of the call that left last

	mu      sync.Mutex // guards what follows
	packets map[uint32][]mediatest.Packet
	reports map[uint32]*rtcp.SenderReport // the last of each stream
}

// strictVariable is the environment variable that, with the value strict, makes every
// server as demanding as Telegram's own test server is.
const strictVariable = "SFU"

func strict() bool { return os.Getenv(strictVariable) == "strict" }

// newFixture starts a server and a Client. Both end with the test.
func newFixture(t testing.TB, cfg sfu.Config, opts ...gotgcall.Option) *fixture {
	t.Helper()
	s := &fixture{
		ends:    make(chan streamEnd, 4096),
		states:  make(chan gotgcall.ConnState, 4096),
		packets: make(map[uint32][]mediatest.Packet),
		reports: make(map[uint32]*rtcp.SenderReport),
	}
	cfg.Strict = cfg.Strict || strict()
	onRTP := cfg.OnRTP
	cfg.OnRTP = func(remote *sfu.Participant, p sfu.Packet) {
		if onRTP != nil {
			onRTP(remote, p)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		packet := mediatest.NewPacket(&rtp.Packet{Header: p.Header, Payload: p.Payload}, p.Arrival)
		s.packets[p.Header.SSRC] = append(s.packets[p.Header.SSRC], packet)
	}
	if cfg.OnRTCP == nil {
		cfg.OnRTCP = s.onRTCP
	}
	var err error
	s.server, err = sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.server.Close()) })
	s.Client, err = gotgcall.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.OnStreamEnd(func(chat int64, kind gotgcall.StreamType, device gotgcall.Device, err error) {
		s.ends <- streamEnd{chat, kind, device, err}
	})
	s.OnConnectionChange(func(_ int64, info gotgcall.NetworkInfo) { s.states <- info.State })
	return s
}

func (s *fixture) onRTCP(_ *sfu.Participant, packets []rtcp.Packet, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range packets {
		if report, ok := p.(*rtcp.SenderReport); ok {
			s.reports[report.SSRC] = report
		}
	}
}

// clock is the clock of a stream by its last sender report, which is all that a
// receiver has to put streams together.
func (s *fixture) clock(t testing.TB, ssrc, rate uint32) mediatest.Clock {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	report := s.reports[ssrc]
	require.NotNil(t, report, "no sender report of SSRC %d", ssrc)
	return mediatest.ReportClock(report.NTPTime, report.RTPTime, rate)
}

// join brings a chat's call up.
func (s *fixture) join(t testing.TB, chat int64) *sfu.Participant {
	t.Helper()
	params, err := s.CreateCall(chat)
	require.NoError(t, err)
	ssrc, err := s.AudioSSRC(chat)
	require.NoError(t, err)
	answer, err := s.server.Join(context.Background(), params)
	require.NoError(t, err)
	require.NoError(t, s.Connect(chat, answer))
	return s.server.Participant(ssrc)
}

// connected returns a fixture whose call of chat is up, and the server's side of it.
func connected(t testing.TB, cfg sfu.Config, opts ...gotgcall.Option) (*fixture, *sfu.Participant) {
	t.Helper()
	s := newFixture(t, cfg, opts...)
	return s, s.join(t, chat)
}

// playing is like connected, and the call plays a source.
func playing(t testing.TB, cfg sfu.Config, src gotgcall.Source, opts ...gotgcall.Option) (*fixture, *sfu.Participant) {
	t.Helper()
	s, remote := connected(t, cfg, opts...)
	require.NoError(t, s.SetStreamSources(chat, src))
	return s, remote
}

// play plays a source to its end.
func (s *fixture) play(t testing.TB, chat int64, src gotgcall.Source, ends int) []streamEnd {
	t.Helper()
	require.NoError(t, s.SetStreamSources(chat, src))
	return s.awaitEnds(t, ends)
}

// awaitEnds waits for n stream ends.
func (s *fixture) awaitEnds(t testing.TB, n int) []streamEnd {
	t.Helper()
	var ends []streamEnd
	for range n {
		select {
		case end := <-s.ends:
			ends = append(ends, end)
		case <-t.Context().Done():
			t.Fatalf("%d of %d stream ends", len(ends), n)
		}
	}
	return ends
}

// received returns what has arrived of a stream, padding left out.
func (s *fixture) received(ssrc uint32) []mediatest.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.packets[ssrc])
}

// leave stops the call and returns what arrived of its streams, once the server
// has seen it go and found no fault.
func (s *fixture) leave(t testing.TB, chat int64, remote *sfu.Participant) (audio, video []mediatest.Packet) {
	t.Helper()
	var err error
	s.last, err = s.Stats(chat)
	require.NoError(t, err)
	require.NoError(t, s.Stop(chat))
	<-remote.Done()
	require.Empty(t, remote.Violations())
	return s.received(remote.SSRC()), s.received(remote.SSRC() + 1)
}

// tones, sweep and movie make a file in a directory of the test.
func tones(t testing.TB, name string, spec mediatest.AudioSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	serially(func() { require.NoError(t, mediatest.MakeTones(t.Context(), ffmpeg, path, spec)) })
	return path
}

func sweep(t testing.TB, name string, spec mediatest.AudioSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	serially(func() { require.NoError(t, mediatest.MakeSweep(t.Context(), ffmpeg, path, spec)) })
	return path
}

func movie(t testing.TB, name string, spec mediatest.MovieSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	serially(func() { require.NoError(t, mediatest.MakeMovie(t.Context(), ffmpeg, path, spec)) })
	return path
}
