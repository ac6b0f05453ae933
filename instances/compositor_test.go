package instances

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/internal/rtmp"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// grain is how many samples one number stands for: it divides all that is played
// and published here.
const grain = 21

// rawFake is a fake whose pictures hold their number, from 1, in pictures of 2 x 2,
// and whose samples hold that of their grain.
type rawFake struct{ *playtest.Source }

func (f rawFake) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return f.OpenAt(ctx, env, f.Begin)
}

func (f rawFake) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	s, err := f.Source.OpenAt(ctx, env, position)
	if err != nil {
		return nil, err
	}
	return &rawScript{Stream: s, from: position}, nil
}

type rawScript struct {
	media.Stream
	from time.Duration
	data []byte
}

func (s *rawScript) ReadFrame() (media.Frame, error) {
	f, err := s.Stream.ReadFrame()
	if err != nil {
		return f, err
	}
	at := s.from + f.PTS
	s.data = s.data[:0]
	if f.Track == v {
		f.Key = true
		s.data = append(binary.LittleEndian.AppendUint32(s.data, uint32(at/(40*ms))+1), 0, 0)
	} else {
		s.data = append(s.data, make([]byte, 882*container.SampleSize)...)
		for i := 0; i < 882; i += grain {
			binary.LittleEndian.PutUint32(s.data[i*container.SampleSize:], uint32((int(at/(20*ms))*882+i)/grain)+1)
		}
	}
	f.Data = s.data
	return f, nil
}

// fakeEncoder gives what it is given to one fakeServer after another.
type fakeEncoder struct {
	mu     *sync.Mutex // the fixture's; guards what follows
	base   time.Duration
	kept   []func(*fakeServer)
	server *fakeServer

	ready, done chan struct{}
	close       sync.Once
	ends        error         // what Close returns
	hangs       time.Duration // after so much, if not 0
}

func newFakeEncoder(mu *sync.Mutex) *fakeEncoder {
	e := &fakeEncoder{mu: mu, ready: make(chan struct{}), done: make(chan struct{})}
	close(e.ready)
	return e
}

func (e *fakeEncoder) Picture(at time.Duration, yuv []byte) error {
	if e.hangs != 0 && at >= e.hangs {
		<-e.done
	}
	number := binary.LittleEndian.Uint32(yuv)
	return e.give(func(s *fakeServer) { s.picture(at-e.base, number) }, true)
}

func (e *fakeEncoder) Sound(at time.Duration, pcm []byte) error {
	pcm = bytes.Clone(pcm)
	return e.give(func(s *fakeServer) { s.samplesAt(at-e.base, pcm) }, false)
}

// give publishes or keeps something, and takes as long as the server does.
func (e *fakeEncoder) give(it func(*fakeServer), takesTime bool) error {
	e.mu.Lock()
	server := e.server
	if server == nil {
		e.kept = append(e.kept, it)
	} else {
		it(server)
	}
	e.mu.Unlock()
	if server != nil && takesTime {
		server.wait()
	}
	select {
	case <-e.done:
		return errors.New("broken pipe")
	default:
		return nil
	}
}

func (e *fakeEncoder) Expect(from time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.base, e.kept, e.server = from, nil, nil
}

func (e *fakeEncoder) Attach(c rtmp.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.server = c.(*fakeServer)
	for _, it := range e.kept {
		it(e.server)
	}
	e.kept = nil
}

func (e *fakeEncoder) Detach() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept, e.server = nil, nil
}

func (e *fakeEncoder) Ready() <-chan struct{} { return e.ready }
func (e *fakeEncoder) Done() <-chan struct{}  { return e.done }
func (e *fakeEncoder) Kill()                  { e.close.Do(func() { close(e.done) }) }

func (e *fakeEncoder) Close(time.Duration) error {
	e.Kill()
	return e.ends
}

// fakeServer is a publication that keeps what it is given.
type fakeServer struct {
	mu      *sync.Mutex     // the fixture's; guards what follows
	given   []uint32        // the pictures
	times   []time.Duration // of the pictures
	sound   []stretch
	samples int64         // published
	last    uint32        // the sample of a source that was published last
	jumps   int           // how often not the one after it followed
	holes   int           // in the sound's times
	slow    time.Duration // how long a picture takes
	busy    bool
	closed  bool

	refuses error // why it does not come up
	silent  bool  // it does not say anything at first
	done    chan struct{}
	close   sync.Once
	err     error // set before done is closed
}

func newFakeServer() *fakeServer { return &fakeServer{done: make(chan struct{})} }

// connect is how a Dial to it ends.
func (s *fakeServer) connect(ctx context.Context) error {
	if s.silent {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.refuses
}

func (s *fakeServer) picture(at time.Duration, number uint32) {
	s.given = append(s.given, number)
	s.times = append(s.times, at)
}

// pictures are those that a viewer sees, 25 in a second.
func (s *fakeServer) pictures() []uint32 {
	var seen []uint32
	for i, at := range s.times {
		for len(seen) < int(at/(40*ms)) {
			seen = append(seen, s.given[i-1])
		}
		seen = append(seen, s.given[i])
	}
	return seen
}

// wait is what a picture takes.
func (s *fakeServer) wait() {
	s.mu.Lock()
	slow := s.slow
	s.busy = true
	s.mu.Unlock()
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
	s.mu.Lock()
	s.busy = false
	s.mu.Unlock()
}

func (s *fakeServer) samplesAt(at time.Duration, pcm []byte) {
	if at := int64((at*container.SampleRate + time.Second/2) / time.Second); at != s.samples {
		s.holes++
	}
	for ; len(pcm) > 0; pcm = pcm[grain*container.SampleSize:] {
		s.add(binary.LittleEndian.Uint32(pcm))
	}
}

func (s *fakeServer) add(sample uint32) {
	s.samples += grain
	if n := len(s.sound); n == 0 || s.sound[n-1].silent != (sample == 0) {
		s.sound = append(s.sound, stretch{silent: sample == 0})
	}
	s.sound[len(s.sound)-1].samples += grain
	if sample == 0 {
		return
	}
	if sample != s.last+1 {
		s.jumps++
	}
	s.last = sample
}

func (s *fakeServer) Write(rtmp.Tag) error  { return nil }
func (s *fakeServer) Done() <-chan struct{} { return s.done }
func (s *fakeServer) Bytes() uint64         { return 1000 }

func (s *fakeServer) Writing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

func (s *fakeServer) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

func (s *fakeServer) Kill(reason error) {
	s.close.Do(func() {
		s.err = reason
		close(s.done)
	})
}

func (s *fakeServer) Close(time.Duration) {
	s.Kill(net.ErrClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// stretch is uninterrupted sound, or silence.
type stretch struct {
	silent  bool
	samples int64
}

func (s stretch) length() time.Duration { return timeOf(s.samples) }

func timeOf(samples int64) time.Duration {
	return time.Duration(samples) * time.Second / container.SampleRate
}

type endOf struct {
	tracks media.Track
	err    error
}

// fixture is an RTMP call, its servers and its events.
type fixture struct {
	*Call
	mu      sync.Mutex    // guards what follows
	servers []*fakeServer // those that were dialled
	encoded int           // encoders that were started
	next    func() *fakeServer
	dialed  []time.Time
	encoder func(*fakeEncoder)
	states  []models.ConnState
	infos   []models.NetworkInfo
	ends    []endOf
	gone    int
}

func newFixture(t *testing.T, retry time.Duration) *fixture {
	t.Helper()
	s := &fixture{next: newFakeServer, encoder: func(*fakeEncoder) {}}
	env := media.Env{Logger: slog.New(slog.DiscardHandler)}
	var err error
	s.Call, err = NewRTMP(
		Config{Logger: env.Logger, Media: env, StallTimeout: 30 * time.Second, ConnectTimeout: 10 * time.Second, RTMPRetry: retry},
		&recorder{
			streamEnd: func(kind models.StreamType, err error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.ends = append(s.ends, endOf{map[models.StreamType]media.Track{models.Audio: a, models.Video: v}[kind], err})
			},
			connection: func(info models.NetworkInfo) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.states = append(s.states, info.State)
				s.infos = append(s.infos, info)
			},
			gone: func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.gone++
			},
		}, "rtmp://localhost/s/key")
	require.NoError(t, err)
	line := s.line.(*publication)
	line.cfg.Encode = func(rtmp.Format) (rtmp.Encoder, error) {
		s.encoded++
		e := newFakeEncoder(&s.mu)
		s.encoder(e)
		return e, nil
	}
	line.cfg.Dial = func(ctx context.Context) (rtmp.Conn, error) {
		s.mu.Lock()
		s.dialed = append(s.dialed, time.Now())
		server := s.next()
		server.mu = &s.mu
		s.servers = append(s.servers, server)
		s.mu.Unlock()
		if err := server.connect(ctx); err != nil {
			server.closed = true
			return nil, err
		}
		return server, nil
	}
	return s
}

// look runs what reads or changes the fixture.
func (s *fixture) look(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// play is SetSource for a source that is raw already.
func (s *fixture) play(t *testing.T, src media.Source) {
	t.Helper()
	format := rtmp.Format{Format: media.Format{Width: 2, Height: 2, FPS: 25}, VideoKbps: 1, AudioKbps: 64}
	require.NoError(t, s.player.SetSource(t.Context(), src))
	require.True(t, s.line.(*publication).begin(format))
}

// onServer runs a test in virtual time.
func onServer(t *testing.T, retry time.Duration, test func(t *testing.T, s *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(t, retry)
		defer s.Stop(models.ErrStopped)
		test(t, s)
		s.Stop(models.ErrStopped)
		synctest.Wait()
		s.look(func() {
			require.Equal(t, 1, s.gone)
			for _, server := range s.servers {
				require.True(t, server.closed)
			}
		})
	})
}

func raw(tracks media.Track, length time.Duration) media.Source {
	return rawFake{playtest.New(tracks, length)}
}

// black is what a black picture begins with.
const black = 0x10101010

// requireSteady asserts that pictures are steady, some at least while they do not
// change and one at each key frame, and that the sound has no hole.
func requireSteady(t *testing.T, s *fakeServer) {
	t.Helper()
	keys := time.Duration(0)
	for i, at := range s.times {
		require.Zero(t, at%(40*ms))
		if i > 0 {
			step := at - s.times[i-1]
			require.LessOrEqual(t, step, 200*ms)
		}
		if at%(2*time.Second) == 0 {
			require.Equal(t, keys, at)
			keys += 2 * time.Second
		}
	}
	require.Less(t, s.times[len(s.times)-1], keys)
	require.Zero(t, s.holes)
	behind := s.times[len(s.times)-1] + 40*ms - timeOf(s.samples)
	require.InDelta(t, 0.25, behind.Seconds(), 0.201, "the sound follows the pictures")
}

func TestAnHourIsExact(t *testing.T) {
	t.Parallel()
	onServer(t, 0, func(t *testing.T, s *fixture) {
		s.play(t, raw(av, time.Hour))
		sleep(time.Hour + time.Second)
		s.look(func() { requireExactHour(t, s) })
	})
}

func requireExactHour(t *testing.T, s *fixture) {
	t.Helper()
	server := s.servers[0]
	requireSteady(t, server)
	require.Equal(t, []endOf{{v, nil}, {a, nil}}, s.ends)
	var number uint32
	for _, p := range server.given {
		if p == black {
			continue
		}
		if p != number+1 {
			t.Fatalf("picture %d after %d", p, number)
		}
		number = p
	}
	require.EqualValues(t, 90000, number, "each picture once")
	require.EqualValues(t, 3600*44100/grain, server.last)
	require.Zero(t, server.jumps, "each sample once")
	require.InDelta(t, 3601*25, len(server.pictures()), 8)
}
