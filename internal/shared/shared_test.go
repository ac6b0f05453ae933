package shared

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/play/playtest"
	"github.com/gotgcall/gotgcall/internal/push"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	a  = media.TrackAudio
	av = media.TrackAudio | media.TrackVideo
	ms = time.Millisecond
)

// counted counts how often a source is opened and a frame is read, and how many of its
// streams are open.
type counted struct {
	media.Source
	opened, open, read atomic.Int64
}

func (c *counted) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return c.OpenAt(ctx, env, 0)
}

func (c *counted) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	c.opened.Add(1)
	open := c.Source.Open
	if position > 0 {
		open = func(ctx context.Context, env media.Env) (media.Stream, error) {
			return c.Source.(media.SeekableSource).OpenAt(ctx, env, position)
		}
	}
	stream, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &countedStream{Stream: stream, of: c}, nil
}

type countedStream struct {
	media.Stream
	of   *counted
	once sync.Once
}

func (s *countedStream) ReadFrame() (media.Frame, error) {
	s.of.read.Add(1)
	return s.Stream.ReadFrame()
}

func (s *countedStream) Close() error {
	s.once.Do(func() { s.of.open.Add(-1) })
	return s.Stream.Close()
}

func source(track media.Track, length time.Duration) *counted {
	return &counted{Source: playtest.New(track, length)}
}

// heard is what a reader was given: where in the media, and when in its own time.
type heard struct {
	media.Frame
	position time.Duration
}

// listen reads a stream at the speed of its frames, as a call does, until it ends or ctx
// does, and returns what it was given and how it ended.
func listen(ctx context.Context, t *testing.T, s media.Stream) (got []heard, end error) {
	epoch := time.Now()
	for {
		f, err := s.ReadFrame()
		if err != nil {
			return got, err
		}
		if len(f.Data) > 0 {
			position, err := time.ParseDuration(string(f.Data))
			require.NoError(t, err)
			f.Data = nil
			got = append(got, heard{f, position})
		}
		select {
		case <-time.After(time.Until(epoch.Add(f.PTS + f.Duration))):
		case <-ctx.Done():
			return got, s.Close()
		}
	}
}

// requireSteady asserts that frames of each track follow each other without a hole, in
// the media and in the reader's own time, from the beginning of that.
func requireSteady(t *testing.T, got []heard) {
	t.Helper()
	require.NotEmpty(t, got)
	require.Zero(t, got[0].PTS)
	last := map[media.Track]heard{}
	for _, f := range got {
		if before, ok := last[f.Track]; ok {
			require.Equal(t, before.PTS+before.Duration, f.PTS)
			require.Equal(t, before.position+before.Duration, f.position)
		} else if f.Track == media.TrackVideo {
			require.True(t, f.Key, "the first picture can be decoded")
		}
		last[f.Track] = f
	}
}

func TestManyHearOneRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := source(av, 10*time.Second)
		all := New(src)
		var calls sync.WaitGroup
		for i := range 30 {
			calls.Go(func() {
				<-time.After(time.Duration(i) * 30 * ms)
				s, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				require.Equal(t, av, s.Tracks())
				got, err := listen(t.Context(), t, s)
				require.ErrorIs(t, err, io.EOF)
				requireSteady(t, got)
				require.Zero(t, got[0].position, "the start is still there")
				require.Len(t, got, 750)
				require.NoError(t, s.Close())
				require.NoError(t, s.Close())
			})
		}
		calls.Wait()
		require.EqualValues(t, 1, src.opened.Load())
		require.Zero(t, src.open.Load())
	})
}

// TestWhoComesLateBeginsAtTheEdge: with pictures at the last key frame before it.
func TestWhoComesLateBeginsAtTheEdge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tracks media.Track
		at     time.Duration // when the other one comes
		from   time.Duration
	}{
		"within the window": {a, 3 * time.Second, 0},
		"sound":             {a, 9990 * ms, 9980 * ms},
		"pictures":          {av, 9990 * ms, 8 * time.Second},
		"a new picture":     {av, 10050 * ms, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := New(source(c.tracks, time.Minute))
				first, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
				defer leave()
				var calls sync.WaitGroup
				calls.Go(func() {
					got, err := listen(ctx, t, first)
					require.NoError(t, err)
					requireSteady(t, got)
				})
				<-time.After(c.at)
				late, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				got, err := listen(t.Context(), t, late) // goes on when the first has left
				require.ErrorIs(t, err, io.EOF)
				requireSteady(t, got)
				require.InDelta(t, c.from.Seconds(), got[0].position.Seconds(), 0.02)
				require.NoError(t, late.Close())
				calls.Wait()
			})
		})
	}
}

// TestSlowReaderDisturbsNobody: it goes on at the edge, without a hole in its own time.
func TestSlowReaderDisturbsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := New(source(av, time.Minute))
		slow, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		fast, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		var calls sync.WaitGroup
		calls.Go(func() {
			got, err := listen(t.Context(), t, fast)
			require.ErrorIs(t, err, io.EOF)
			requireSteady(t, got)
			require.Len(t, got, 75*60)
			require.NoError(t, fast.Close())
		})
		var end time.Duration
		for range 75 {
			synctest.Wait()
			f, err := slow.ReadFrame()
			require.NoError(t, err)
			end = max(end, f.PTS+f.Duration)
		}
		<-time.After(30500 * ms) // paused
		f, err := slow.ReadFrame()
		require.NoError(t, err)
		require.Equal(t, end, f.PTS)
		require.True(t, f.Key)
		require.Equal(t, "30s", string(f.Data))
		require.NoError(t, slow.Close())
		calls.Wait()
	})
}

func TestLastOneOutEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		endless := playtest.New(a, time.Second)
		endless.End = nil
		src := &counted{Source: endless}
		all := New(src)
		for round := range 3 {
			var calls sync.WaitGroup
			var streams []media.Stream
			for range 10 {
				s, err := all.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				streams = append(streams, s)
				calls.Go(func() {
					_, err := listen(t.Context(), t, s)
					require.ErrorIs(t, err, models.ErrClosed)
				})
			}
			<-time.After(5 * time.Second) // all wait for a frame that never comes
			require.EqualValues(t, 1, src.open.Load())
			for _, s := range streams {
				require.NoError(t, s.Close())
			}
			calls.Wait()
			require.Zero(t, src.open.Load())
			require.EqualValues(t, round+1, src.opened.Load())
		}
	})
}

func TestEachHearsHowItEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := playtest.New(a, time.Second)
		broken.End = playtest.ErrCrash
		src := &counted{Source: broken}
		all := New(src)
		for range 2 { // the next one opens it again
			first, err := all.Open(t.Context(), media.Env{})
			require.NoError(t, err)
			second, err := all.Open(t.Context(), media.Env{})
			require.NoError(t, err)
			for _, s := range []media.Stream{first, second} {
				got, err := listen(t.Context(), t, s)
				require.ErrorIs(t, err, playtest.ErrCrash)
				require.Len(t, got, 50)
			}
			require.NoError(t, first.Close())
			require.NoError(t, second.Close())
		}
		require.EqualValues(t, 2, src.opened.Load())
		require.Zero(t, src.open.Load())
	})
}

func TestOpeningThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := playtest.New(a, time.Second)
		bad.Fails, bad.OpenTakes = models.ErrFile, time.Second
		src := &counted{Source: bad}
		all := New(src)
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() {
				_, err := all.Open(t.Context(), media.Env{})
				require.ErrorIs(t, err, models.ErrFile)
			})
		}
		calls.Wait()
		require.EqualValues(t, 1, src.opened.Load())
	})
}

// TestWhoOpensMayGiveUp: another one who waits opens then.
func TestWhoOpensMayGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := playtest.New(a, time.Second)
		slow.OpenTakes = 10 * time.Second
		src := &counted{Source: slow}
		all := New(src)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var calls sync.WaitGroup
		calls.Go(func() {
			_, err := all.Open(impatient, media.Env{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		calls.Go(func() {
			_, err := all.Open(impatient, media.Env{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		s, err := all.Open(t.Context(), media.Env{})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		calls.Wait()
		require.EqualValues(t, 2, src.opened.Load())
		require.Zero(t, src.open.Load())
	})
}

func TestSourceThatPanics(t *testing.T) {
	t.Parallel()
	bad := playtest.New(a, time.Second)
	bad.Panics = true
	all := New(bad)
	require.Panics(t, func() { _, _ = all.Open(t.Context(), media.Env{}) })
	bad.Panics = false
	s, err := all.Open(t.Context(), media.Env{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestFormatsAreRunsOfTheirOwn: a publication gets raw frames, a group call encoded ones.
func TestFormatsAreRunsOfTheirOwn(t *testing.T) {
	t.Parallel()
	src := source(a, time.Second)
	all := New(src)
	encoded, err := all.Open(t.Context(), media.Env{})
	require.NoError(t, err)
	raw, err := all.Open(t.Context(), media.Env{Format: media.Format{Width: 2, Height: 2, FPS: 1}})
	require.NoError(t, err)
	require.EqualValues(t, 2, src.opened.Load())
	require.NoError(t, errors.Join(encoded.Close(), raw.Close()))
	_, isRaw := all.(media.RawSource)
	require.False(t, isRaw)
	_, isRaw = New(media.FromFile("x", media.EncodeOptions{})).(media.RawSource)
	require.True(t, isRaw)
}

// paced is a source that gives each frame when it has been recorded, but for a hole.
type paced struct {
	media.Source
	at, hole time.Duration
}

func (p paced) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	stream, err := p.Source.Open(ctx, env)
	return &pacedStream{stream, p, time.Now(), make(chan struct{}), sync.Once{}}, err
}

type pacedStream struct {
	media.Stream
	of     paced
	epoch  time.Time
	closed chan struct{}
	once   sync.Once
}

func (s *pacedStream) ReadFrame() (media.Frame, error) {
	f, err := s.Stream.ReadFrame()
	at := f.PTS + f.Duration
	if at > s.of.at {
		at += s.of.hole
	}
	select {
	case <-time.After(time.Until(s.epoch.Add(at))):
		return f, err
	case <-s.closed:
		return f, models.ErrClosed
	}
}

func (s *pacedStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Stream.Close()
}

// TestNothingYet: a reader never waits. While there is no frame it plays nothing, and what
// comes then follows that, until there is nothing for too long.
func TestNothingYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for hole, end := range map[time.Duration]error{0: io.EOF, time.Second: io.EOF, time.Minute: models.ErrStalled} {
			s, err := New(paced{source(a, 10*time.Second), 5 * time.Second, hole}).Open(t.Context(), media.Env{StallTimeout: 10 * time.Second})
			require.NoError(t, err)
			require.True(t, s.(interface{ Prompt() bool }).Prompt())
			var edge, empty, next time.Duration
			epoch := time.Now()
			for {
				began := time.Now()
				f, err := s.ReadFrame()
				require.Zero(t, time.Since(began))
				if err != nil {
					require.ErrorIs(t, err, end)
					break
				}
				require.Equal(t, edge, f.PTS)
				edge += f.Duration
				if len(f.Data) == 0 {
					require.Equal(t, 10*ms, f.Duration)
					empty += f.Duration
				} else {
					require.Equal(t, next.String(), string(f.Data))
					next += f.Duration
				}
				<-time.After(time.Until(epoch.Add(edge))) // as late as it can be read
			}
			require.InDelta(t, min(hole, 10*time.Second).Seconds(), empty.Seconds(), 0.1)
			require.NoError(t, s.Close())
		}
	})
}

// TestWhatAProgramWritesIsHeardSoon by each of the readers: silence is not read ahead.
func TestWhatAProgramWritesIsHeardSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		written := push.NewOpus()
		all := New(written)
		const packets = 50
		var began time.Time
		var readers sync.WaitGroup
		for range 3 {
			s, err := all.Open(t.Context(), media.Env{})
			require.NoError(t, err)
			readers.Go(func() {
				epoch, heard := time.Now(), 0
				for heard < packets {
					f, err := s.ReadFrame()
					require.NoError(t, err)
					if len(f.Data) == 100 {
						heard++
						require.Less(t, time.Since(began)-time.Duration(heard)*20*ms, 200*ms)
					}
					<-time.After(time.Until(epoch.Add(f.PTS + f.Duration)))
				}
				require.NoError(t, s.Close())
			})
		}
		<-time.After(5 * time.Second)
		began = time.Now()
		for range packets {
			_, err := written.Write(append([]byte{0xfc}, make([]byte, 99)...))
			require.NoError(t, err)
			<-time.After(20 * ms)
		}
		readers.Wait()
	})
}

// TestWhatIsKeptIsBounded: what is kept is bounded in bytes, and what does not
// move in time in frames.
func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		media.Frame
		n int
	}{
		"raw pictures": {media.Frame{Track: media.TrackVideo, Key: true, Duration: 40 * ms, Data: make([]byte, 3<<20)}, 30},
		"no time":      {media.Frame{Track: media.TrackAudio, Data: []byte{1}}, 3 * maxKept},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(nil, kind{})
			for range c.n {
				c.PTS += c.Duration
				r.add(c.Frame, nil)
				require.LessOrEqual(t, r.next-r.oldest, uint64(maxKept))
				require.LessOrEqual(t, r.bytes, maxBytes+3<<20)
			}
			require.EqualValues(t, c.n, r.next)
			require.NotZero(t, r.oldest)
		})
	}
}

// BenchmarkReadFrame is a frame of sound through a run, to one reader.
func BenchmarkReadFrame(b *testing.B) {
	r := newRun(nil, kind{})
	s := &reader{run: r}
	f := media.Frame{Track: media.TrackAudio, Duration: 20 * ms, Data: make([]byte, 320)}
	b.ReportAllocs()
	for b.Loop() {
		r.add(f, nil)
		if _, err := s.ReadFrame(); err != nil {
			b.Fatal(err)
		}
		f.PTS += f.Duration
	}
}
