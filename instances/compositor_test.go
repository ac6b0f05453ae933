//go:build go1.25

package instances

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/rtmp"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// grain is how many samples one number stands for: it divides all that is played
// and published here.
const grain = 21

// rawFake is a fake whose pictures hold their number, from 1, in pictures of 2 x 2,
// and whose samples hold that of their grain.
type rawFake struct{ *fake }

func (f rawFake) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return f.OpenAt(ctx, env, f.start)
}

func (f rawFake) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	s, err := f.fake.OpenAt(ctx, env, position)
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
		s.data = append(s.data, make([]byte, 882*media.RawSampleSize)...)
		for i := 0; i < 882; i += grain {
			binary.LittleEndian.PutUint32(s.data[i*media.RawSampleSize:], uint32((int(at/(20*ms))*882+i)/grain)+1)
		}
	}
	f.Data = s.data
	return f, nil
}

// fakeServer is a publication that keeps what it is given.
type fakeServer struct {
	mu       *sync.Mutex // the stage's; guards what follows
	pictures []uint32
	times    []time.Duration
	sound    []stretch
	samples  int64         // published
	last     uint32        // the sample of a source that was published last
	jumps    int           // how often not the one after it followed
	holes    int           // in the sound's times
	slow     time.Duration // how long a picture takes

	up, done chan struct{}
	close    sync.Once
	refuses  error // why it does not come up
	closed   bool
}

func newFakeServer() *fakeServer {
	return &fakeServer{up: make(chan struct{}), done: make(chan struct{})}
}

func (s *fakeServer) Picture(at time.Duration, yuv []byte) error {
	s.mu.Lock()
	s.pictures = append(s.pictures, binary.LittleEndian.Uint32(yuv))
	s.times = append(s.times, at)
	if s.refuses == nil && len(s.pictures) == primer {
		close(s.up)
	}
	slow := s.slow
	s.mu.Unlock()
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
	select {
	case <-s.done:
		return errors.New("broken pipe")
	default:
		return nil
	}
}

func (s *fakeServer) Sound(at time.Duration, pcm []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if samplesIn(at) != s.samples {
		s.holes++
	}
	for ; len(pcm) > 0; pcm = pcm[grain*media.RawSampleSize:] {
		s.hear(binary.LittleEndian.Uint32(pcm))
	}
	return nil
}

func (s *fakeServer) hear(sample uint32) {
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

// stretch is uninterrupted sound, or silence.
type stretch struct {
	silent  bool
	samples int64
}

func (s stretch) length() time.Duration { return timeOf(s.samples) }

func (s *fakeServer) Up() <-chan struct{}   { return s.up }
func (s *fakeServer) Done() <-chan struct{} { return s.done }
func (s *fakeServer) Bytes() uint64         { return 1000 }

func (s *fakeServer) Kill() {
	s.close.Do(func() { close(s.done) })
}

func (s *fakeServer) Close(time.Duration) error {
	s.close.Do(func() { close(s.done) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.refuses
}

// stage is an RTMP call, the servers it met and what it told.
type stage struct {
	*RTMP
	mu      sync.Mutex // guards what follows
	servers []*fakeServer
	next    func() *fakeServer
	dialed  []time.Time
	states  []models.ConnState
	ends    []endOf
	gone    int
}

func newStage(t *testing.T, retry time.Duration) *stage {
	t.Helper()
	s := &stage{next: newFakeServer}
	env := newRig(time.Hour).env
	var err error
	s.RTMP, err = NewRTMP(
		Config{Logger: env.Logger, Media: env, StallTimeout: 30 * time.Second, ConnectTimeout: 10 * time.Second, RTMPRetry: retry},
		&recorder{
			streamEnd: func(kind models.StreamType, _ models.Device, err error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.ends = append(s.ends, endOf{map[models.StreamType]media.Track{models.Audio: a, models.Video: v}[kind], err})
			},
			connection: func(info models.NetworkInfo) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.states = append(s.states, info.State)
			},
			gone: func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.gone++
			},
		}, "rtmp://localhost/s/key")
	require.NoError(t, err)
	s.dial = func(rtmp.Format) (push, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dialed = append(s.dialed, time.Now())
		server := s.next()
		server.mu = &s.mu
		s.servers = append(s.servers, server)
		return server, nil
	}
	return s
}

// look runs what reads or changes the stage.
func (s *stage) look(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// play is SetSource for a source that is raw already.
func (s *stage) play(t *testing.T, src media.Source) {
	t.Helper()
	comp, err := s.compositor(media.EncodeOptions{VideoWidth: 2, VideoHeight: 2, VideoFPS: 25, VideoBitrateKbps: 1, AudioBitrateKbps: 64})
	require.NoError(t, err)
	require.NoError(t, s.player.setSource(t.Context(), src))
	s.begin(comp)
}

// onStage runs a test in virtual time.
func onStage(t *testing.T, retry time.Duration, test func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, retry)
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
	return rawFake{newFake(tracks, length)}
}

// black is what a black picture begins with.
const black = 0x10101010

// requireSteady asserts that every tick has its picture and the sound no hole.
func requireSteady(t *testing.T, s *fakeServer) {
	t.Helper()
	for i, at := range s.times {
		require.Equal(t, time.Duration(i)*40*ms, at)
	}
	require.Zero(t, s.holes)
	behind := s.times[len(s.times)-1] + 40*ms - timeOf(s.samples)
	require.InDelta(t, (soundLag + 40*ms).Seconds(), behind.Seconds(), 0.001, "the sound follows the pictures")
}

func TestAnHourIsExact(t *testing.T) {
	t.Parallel()
	onStage(t, 0, func(t *testing.T, s *stage) {
		s.play(t, raw(av, time.Hour))
		sleep(time.Hour + time.Second)
		s.look(func() { requireExactHour(t, s) })
	})
}

func requireExactHour(t *testing.T, s *stage) {
	t.Helper()
	server := s.servers[0]
	requireSteady(t, server)
	require.Equal(t, []endOf{{v, nil}, {a, nil}}, s.ends)
	var number uint32
	for _, p := range server.pictures {
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
	require.InDelta(t, 3601*25, len(server.pictures), 3)
}
