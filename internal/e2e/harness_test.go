package e2e_test

import (
	"context"
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

// desk lets one test at a time make or judge media. That keeps a processor busy,
// and those that play meanwhile need another at the right moment.
var desk sync.Mutex

func atDesk(work func()) {
	desk.Lock()
	defer desk.Unlock()
	work()
}

// streamEnd is one call of OnStreamEnd.
type streamEnd struct {
	chat   int64
	kind   gotgcall.StreamType
	device gotgcall.Device
	err    error
}

// stage is a Client, the server it joins, and what both told.
type stage struct {
	*gotgcall.Client
	server *sfu.SFU
	ends   chan streamEnd
	states chan gotgcall.ConnState

	last gotgcall.Stats // of the call that left last

	mu      sync.Mutex // guards what follows
	packets map[uint32][]mediatest.Packet
	reports map[uint32]*rtcp.SenderReport // the last of each stream
}

// newStage starts a strict server and a Client. Both end with the test.
func newStage(t testing.TB, cfg sfu.Config, opts ...gotgcall.Option) *stage {
	t.Helper()
	s := &stage{
		ends:    make(chan streamEnd, 4096),
		states:  make(chan gotgcall.ConnState, 4096),
		packets: make(map[uint32][]mediatest.Packet),
		reports: make(map[uint32]*rtcp.SenderReport),
	}
	onRTP := cfg.OnRTP
	cfg.OnRTP = func(far *sfu.Participant, p sfu.Packet) {
		if onRTP != nil {
			onRTP(far, p)
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

func (s *stage) onRTCP(_ *sfu.Participant, packets []rtcp.Packet, _ time.Time) {
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
func (s *stage) clock(t testing.TB, ssrc, rate uint32) mediatest.Clock {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	report := s.reports[ssrc]
	require.NotNil(t, report, "no sender report of SSRC %d", ssrc)
	return mediatest.ReportClock(report.NTPTime, report.RTPTime, rate)
}

// join brings a chat's call up.
func (s *stage) join(t testing.TB, chat int64) *sfu.Participant {
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

// play plays a source to its end.
func (s *stage) play(t testing.TB, chat int64, src gotgcall.Source, ends int) []streamEnd {
	t.Helper()
	require.NoError(t, s.SetStreamSources(chat, src))
	return s.awaitEnds(t, ends)
}

// awaitEnds waits for n stream ends.
func (s *stage) awaitEnds(t testing.TB, n int) []streamEnd {
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
func (s *stage) received(ssrc uint32) []mediatest.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.packets[ssrc])
}

// leave stops the call and returns what arrived of its streams, once the server
// has seen it go and found no fault.
func (s *stage) leave(t testing.TB, chat int64, far *sfu.Participant) (audio, video []mediatest.Packet) {
	t.Helper()
	var err error
	s.last, err = s.Stats(chat)
	require.NoError(t, err)
	require.NoError(t, s.Stop(chat))
	<-far.Done()
	require.Empty(t, far.Violations())
	return s.received(far.SSRC()), s.received(far.SSRC() + 1)
}

// tones, sweep and movie make a file in a directory of the test.
func tones(t testing.TB, name string, spec mediatest.AudioSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	atDesk(func() { require.NoError(t, mediatest.MakeTones(t.Context(), ffmpeg, path, spec)) })
	return path
}

func sweep(t testing.TB, name string, spec mediatest.AudioSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	atDesk(func() { require.NoError(t, mediatest.MakeSweep(t.Context(), ffmpeg, path, spec)) })
	return path
}

func movie(t testing.TB, name string, spec mediatest.MovieSpec) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	atDesk(func() { require.NoError(t, mediatest.MakeMovie(t.Context(), ffmpeg, path, spec)) })
	return path
}
