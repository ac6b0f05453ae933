package packets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ms     = time.Millisecond
	celt20 = 0xfc // 20 ms of stereo CELT
	celt10 = 0xf4
	speech = 0x48 // 20 ms of mono SILK
)

// packet returns a packet of one frame that holds a number.
func packet(toc byte, n, size int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{toc}, make([]byte, size-5)...), uint32(n))
}

// script is a Source and its Stream: frames, and how they end.
type script struct {
	frames []media.Frame
	end    error
	live   bool // a frame comes when it has been recorded
	closed chan struct{}
	once   *sync.Once
	epoch  time.Time
	next   int
	last   []byte
}

func newScript(frames ...media.Frame) *script { return &script{frames: frames, end: io.EOF} }

// sound returns packets of 20 ms from a time on.
func sound(at time.Duration, count, size int) (frames []media.Frame) {
	for i := range count {
		frames = append(frames, audio(at+time.Duration(i)*20*ms, packet(celt20, int(at/ms)+i, size+i%2)))
	}
	return frames
}

func audio(at time.Duration, data []byte) media.Frame {
	d, _ := opus.Duration(data)
	return media.Frame{Track: media.TrackAudio, PTS: at, Duration: d, Data: data}
}

func (s *script) Tracks() media.Track { return media.TrackAudio }

func (s *script) Open(context.Context, media.Env) (media.Stream, error) {
	stream := *s
	stream.closed, stream.once, stream.epoch = make(chan struct{}), new(sync.Once), time.Now()
	return &stream, nil
}

func (s *script) ReadFrame() (media.Frame, error) {
	if s.next == len(s.frames) {
		if s.end == nil {
			<-s.closed
			return media.Frame{}, models.ErrClosed
		}
		return media.Frame{}, s.end
	}
	f := s.frames[s.next]
	if s.live {
		select {
		case <-time.After(time.Until(s.epoch.Add(f.PTS + f.Duration))):
		case <-s.closed:
			return media.Frame{}, models.ErrClosed
		}
	}
	s.next++
	clear(s.last) // what was returned before is no longer valid
	f.Data = bytes.Clone(f.Data)
	s.last = f.Data
	return f, nil
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// row is a frame that was returned: what it is made of, and when.
type row struct {
	at, length time.Duration
	frames     int // 0: a picture
}

func rows(t *testing.T, s media.Stream, end error) (got []row, singles [][]byte) {
	t.Helper()
	for {
		f, err := s.ReadFrame()
		if err != nil {
			require.ErrorIs(t, err, end)
			_, again := s.ReadFrame()
			require.Equal(t, err, again)
			return got, singles
		}
		frames, ok := opus.Frames(nil, f.Data)
		if f.Track == media.TrackVideo {
			frames = nil
		} else {
			require.Equal(t, len(f.Data) > 0, ok)
		}
		got = append(got, row{f.PTS, f.Duration, len(frames)})
		for _, frame := range frames {
			singles = append(singles, append([]byte{f.Data[0] &^ 3}, frame...))
		}
		require.LessOrEqual(t, len(f.Data), 1182)
	}
}

func TestPacketsAreJoined(t *testing.T) {
	t.Parallel()
	picture := func(at time.Duration) media.Frame {
		return media.Frame{Track: media.TrackVideo, PTS: at, Duration: 33 * ms, Data: []byte{1, 2, 3}}
	}
	join := func(parts ...[]media.Frame) (all []media.Frame) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	trimmed := sound(40*ms, 1, 100)
	trimmed[0].Duration = 7 * ms
	for name, c := range map[string]struct {
		ms     int
		frames []media.Frame
		want   []row
	}{
		"three each":       {60, sound(0, 7, 300), []row{{0, 60 * ms, 3}, {60 * ms, 60 * ms, 3}, {120 * ms, 20 * ms, 1}}},
		"two each":         {40, sound(0, 3, 300), []row{{0, 40 * ms, 2}, {40 * ms, 20 * ms, 1}}},
		"20 ms of 20":      {20, sound(0, 2, 300), []row{{0, 20 * ms, 1}, {20 * ms, 20 * ms, 1}}},
		"as many as fit":   {60, sound(0, 3, 400), []row{{0, 40 * ms, 2}, {40 * ms, 20 * ms, 1}}},
		"one alone":        {60, sound(0, 1, 1200)[:0], nil},
		"a gap":            {60, join(sound(0, 2, 99), sound(60*ms, 3, 99)), []row{{0, 40 * ms, 2}, {60 * ms, 60 * ms, 3}}},
		"times go back":    {60, join(sound(0, 2, 99), sound(20*ms, 3, 99)), []row{{0, 40 * ms, 2}, {20 * ms, 60 * ms, 3}}},
		"rounded times":    {60, join(sound(0, 1, 99), sound(21*ms, 1, 99), sound(40*ms, 1, 99)), []row{{0, 60 * ms, 3}}},
		"another mode":     {60, join(sound(0, 2, 99), []media.Frame{audio(40*ms, packet(speech, 1, 50)), audio(60*ms, packet(speech, 2, 50))}), []row{{0, 40 * ms, 2}, {40 * ms, 40 * ms, 2}}},
		"silence by DTX":   {60, join(sound(0, 2, 99), []media.Frame{audio(40*ms, []byte{celt20}), audio(60*ms, []byte{celt20})}, sound(80*ms, 3, 99)), []row{{0, 40 * ms, 2}, {40 * ms, 20 * ms, 1}, {60 * ms, 20 * ms, 1}, {80 * ms, 60 * ms, 3}}},
		"a trimmed end":    {60, join(sound(0, 2, 99), trimmed), []row{{0, 47 * ms, 3}}},
		"after a trim":     {60, join(sound(20*ms, 1, 99), trimmed, sound(47*ms, 3, 99)), []row{{20 * ms, 27 * ms, 2}, {47 * ms, 60 * ms, 3}}},
		"10 ms, and noise": {20, []media.Frame{audio(0, packet(celt10, 1, 40)), audio(10*ms, packet(celt10, 2, 40)), {Track: media.TrackAudio, PTS: 20 * ms, Duration: 10 * ms, Data: []byte{celt10}}}, []row{{0, 20 * ms, 2}, {20 * ms, 10 * ms, 1}}},
		"long already":     {60, []media.Frame{audio(0, append([]byte{celt20 | 3, 3}, make([]byte, 999)...)), audio(60*ms, append([]byte{celt20 | 3, 6}, make([]byte, 600)...))}, []row{{0, 60 * ms, 3}, {60 * ms, 120 * ms, 6}}},
		"pictures":         {60, join(sound(0, 1, 99), []media.Frame{picture(0)}, sound(20*ms, 1, 99), []media.Frame{picture(33 * ms)}, sound(40*ms, 2, 99), []media.Frame{picture(66 * ms)}), []row{{0, 60 * ms, 3}, {0, 33 * ms, 0}, {33 * ms, 33 * ms, 0}, {60 * ms, 20 * ms, 1}, {66 * ms, 33 * ms, 0}}},
		"pictures first":   {60, join([]media.Frame{picture(0)}, sound(0, 1, 99)), []row{{0, 33 * ms, 0}, {0, 20 * ms, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, ready := range []bool{true, false} {
				var all [][]byte
				for _, f := range c.frames {
					if frames, _ := opus.Frames(nil, f.Data); f.Track == media.TrackAudio {
						for _, frame := range frames {
							all = append(all, append([]byte{f.Data[0] &^ 3}, frame...))
						}
					}
				}
				src := newScript()
				for _, f := range c.frames {
					f.Data = bytes.Clone(f.Data)
					src.frames = append(src.frames, f)
				}
				stream, err := src.Open(t.Context(), media.Env{})
				require.NoError(t, err)
				join := Join
				if ready {
					join = JoinReady
				}
				s := join(stream, time.Duration(c.ms)*ms)
				got, singles := rows(t, s, io.EOF)
				require.Equal(t, c.want, got)
				require.Equal(t, all, singles, "bit by bit")
				require.NoError(t, s.Close())
				require.NoError(t, s.Close())
			}
		})
	}
}

// TestManyPicturesAreNotKept: at the next one, what there is of the sound is sent.
func TestManyPicturesAreNotKept(t *testing.T) {
	t.Parallel()
	frames := sound(0, 1, 99)
	for i := range 3 * maxPictures {
		frames = append(frames, media.Frame{Track: media.TrackVideo, PTS: time.Duration(i) * ms, Data: make([]byte, 100)})
	}
	stream, _ := newScript(frames...).Open(t.Context(), media.Env{})
	s := JoinReady(stream, 60*ms)
	got, _ := rows(t, s, io.EOF)
	require.Len(t, got, 1+3*maxPictures)
	require.Equal(t, row{0, 20 * ms, 1}, got[0])
	require.NoError(t, s.Close())
}

// TestLiveSoundIsNotHeldBack: what there is goes out when more does not come, as in the
// silence of DTX.
func TestLiveSoundIsNotHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := newScript(append(sound(0, 4, 99), sound(10*time.Second, 3, 99)...)...)
		src.live = true
		stream, err := New(src, 60).Open(t.Context(), media.Env{})
		require.NoError(t, err)
		epoch := time.Now()
		for _, want := range []struct {
			row
			due time.Duration
		}{
			{row{0, 60 * ms, 3}, 60 * ms},
			{row{60 * ms, 20 * ms, 1}, 140 * ms},
			{row{10 * time.Second, 60 * ms, 3}, 10060 * ms},
		} {
			f, err := stream.ReadFrame()
			require.NoError(t, err)
			require.Equal(t, want.at, f.PTS)
			require.Equal(t, want.length, f.Duration)
			require.Equal(t, want.due, time.Since(epoch))
		}
		_, err = stream.ReadFrame()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, stream.Close())
	})
}

func TestCloseInterruptsARead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := newScript(sound(0, 4, 99)...)
		src.end = nil
		for _, reads := range []int{0, 1, 2, 3} { // before any, before the end, when it is late, while it hangs
			stream, err := New(src, 60).Open(t.Context(), media.Env{})
			require.NoError(t, err)
			var reading sync.WaitGroup
			reading.Go(func() {
				for n := range reads {
					if _, err := stream.ReadFrame(); n == 2 {
						require.ErrorIs(t, err, models.ErrClosed)
					} else {
						require.NoError(t, err)
					}
				}
			})
			synctest.Wait()
			<-time.After(time.Second)
			require.NoError(t, stream.Close())
			require.NoError(t, stream.Close())
			reading.Wait()
			_, err = stream.ReadFrame()
			require.ErrorIs(t, err, models.ErrClosed)
		}
	})
}

var errBroken = errors.New("broken")

// TestWhatThereWasIsSentBeforeAnError.
func TestWhatThereWasIsSentBeforeAnError(t *testing.T) {
	t.Parallel()
	src := newScript(sound(0, 5, 99)...)
	src.end = errBroken
	stream, err := New(src, 60).Open(t.Context(), media.Env{})
	require.NoError(t, err)
	got, _ := rows(t, stream, errBroken)
	require.Equal(t, []row{{0, 60 * ms, 3}, {60 * ms, 40 * ms, 2}}, got)
	require.NoError(t, stream.Close())
}

// defective is a stream that does something instead of ending.
type defective struct {
	media.Stream
	does func()
}

func (d defective) ReadFrame() (media.Frame, error) {
	f, err := d.Stream.ReadFrame()
	if err != nil {
		d.does()
	}
	return f, err
}

// TestStreamThatPanics ends after what there was.
func TestStreamThatPanics(t *testing.T) {
	t.Parallel()
	for name, does := range map[string]func(){"panics": func() { panic("a defect") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream, err := newScript(sound(0, 5, 99)...).Open(t.Context(), media.Env{})
			require.NoError(t, err)
			joined := Join(defective{stream, does}, 60*ms)
			got, _ := rows(t, joined, models.ErrInternal)
			require.Equal(t, []row{{0, 60 * ms, 3}, {60 * ms, 40 * ms, 2}}, got)
			require.NoError(t, joined.Close())
		})
	}
}

func TestOtherLengthsAreRefused(t *testing.T) {
	t.Parallel()
	for _, length := range []int{0, 10, 30, 80, 120, -60} {
		if length == 0 {
			continue // the default
		}
		_, err := New(newScript(), length).Open(t.Context(), media.Env{})
		require.ErrorIs(t, err, models.ErrInvalidParams)
		require.ErrorContains(t, err, "want 20, 40 or 60")
	}
	_, err := New(nil, 60).Open(t.Context(), media.Env{})
	require.ErrorIs(t, err, models.ErrInvalidParams)
	_, err = New(newScript(), 60).(media.SeekableSource).OpenAt(t.Context(), media.Env{}, time.Second)
	require.ErrorIs(t, err, models.ErrSeekUnsupported)
}

// told says everything that a source and its stream may say.
type told struct{ *script }

func (s told) Encoding() media.EncodeOptions { return media.EncodeOptions{VideoFPS: 7} }

func (s told) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	stream, err := s.script.Open(ctx, env)
	return toldStream{stream}, err
}

func (s told) OpenAt(ctx context.Context, env media.Env, _ time.Duration) (media.Stream, error) {
	return s.Open(ctx, env)
}

type toldStream struct{ media.Stream }

func (toldStream) Start() time.Duration         { return 3 * time.Second }
func (toldStream) Origin() time.Duration        { return 4 * time.Second }
func (toldStream) Restarts() uint64             { return 5 }
func (toldStream) Sound() (media.Sound, bool)   { return media.Sound{Volume: 6}, true }
func (toldStream) SourceInfo() media.SourceInfo { return media.SourceInfo{Title: "seven"} }

type teller interface {
	Start() time.Duration
	Origin() time.Duration
	Restarts() uint64
	Sound() (media.Sound, bool)
	SourceInfo() media.SourceInfo
}

// TestWhatAStreamSaysOfItselfIsPassedOn, and what it does not say is the default.
func TestWhatAStreamSaysOfItselfIsPassedOn(t *testing.T) {
	t.Parallel()
	src := New(told{newScript()}, 60)
	require.Equal(t, 7, src.(media.RawSource).Encoding().VideoFPS)
	stream, err := src.(media.SeekableSource).OpenAt(t.Context(), media.Env{}, time.Minute)
	require.NoError(t, err)
	says := stream.(teller)
	require.Equal(t, 3*time.Second, says.Start())
	require.Equal(t, 4*time.Second, says.Origin())
	require.EqualValues(t, 5, says.Restarts())
	require.Equal(t, "seven", says.SourceInfo().Title)
	sound, tunable := says.Sound()
	require.Equal(t, media.Sound{Volume: 6}, sound)
	require.True(t, tunable)
	require.NoError(t, stream.Close())

	raw, err := src.Open(t.Context(), media.Env{Format: media.Format{Width: 2, Height: 2, FPS: 1}})
	require.NoError(t, err)
	require.IsType(t, toldStream{}, raw)
	require.NoError(t, raw.Close())

	_, isRaw := New(newScript(), 60).(media.RawSource)
	require.False(t, isRaw)
	stream, err = New(newScript(), 60).Open(t.Context(), media.Env{})
	require.NoError(t, err)
	says = stream.(teller)
	require.Zero(t, says.Start())
	require.Zero(t, says.Origin())
	require.Zero(t, says.Restarts())
	require.Zero(t, says.SourceInfo())
	_, tunable = says.Sound()
	require.False(t, tunable)
	require.NoError(t, stream.Close())
}

// promptly is a stream that never waits.
type promptly struct {
	media.Stream
	live bool
}

func (promptly) Prompt() bool                   { return true }
func (p promptly) SourceInfo() media.SourceInfo { return media.SourceInfo{Live: p.live} }

// TestPromptStreamsStayPrompt, and what has only a present is not read ahead.
func TestPromptStreamsStayPrompt(t *testing.T) {
	t.Parallel()
	for live, want := range map[bool][]row{
		false: {{0, 40 * ms, 2}, {40 * ms, 10 * ms, 0}, {50 * ms, 40 * ms, 2}},
		true:  {{0, 20 * ms, 1}, {20 * ms, 20 * ms, 1}, {40 * ms, 10 * ms, 0}, {50 * ms, 20 * ms, 1}, {70 * ms, 20 * ms, 1}},
	} {
		nothing := media.Frame{Track: media.TrackAudio, PTS: 40 * ms, Duration: 10 * ms}
		stream, err := newScript(append(append(sound(0, 2, 99), nothing), sound(50*ms, 2, 99)...)...).Open(t.Context(), media.Env{})
		require.NoError(t, err)
		s := Join(promptly{stream, live}, 60*ms)
		require.True(t, s.Prompt())
		got, _ := rows(t, s, io.EOF)
		require.Equal(t, want, got)
		require.NoError(t, s.Close())
	}
	stream, err := newScript().Open(t.Context(), media.Env{})
	require.NoError(t, err)
	s := Join(stream, 60*ms)
	require.False(t, s.Prompt())
	require.NoError(t, s.Close())
}

type events struct{ ended chan error }

func (e events) SourceEnd(_ []models.StreamType, err error) { e.ended <- err }
func (events) Upgrade(models.MediaState)                    {}

// TestPlayedInLongPackets: each frame once, at its time, through pauses at any moment.
func TestPlayedInLongPackets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := events{make(chan error, 1)}
		p := play.New(play.Config{Env: media.Env{Logger: slog.New(slog.DiscardHandler)}, StallTimeout: time.Minute}, e)
		var frames, packets int
		var due time.Time
		p.Connect(func(f media.Frame, at time.Time) {
			if packets > 0 {
				require.False(t, at.Before(due), "packets never overlap")
			}
			require.Equal(t, at, time.Now())
			require.Equal(t, time.Duration(frames)*20*ms, f.PTS)
			list, ok := opus.Frames(nil, f.Data)
			require.True(t, ok)
			for _, frame := range list {
				require.EqualValues(t, frames, binary.BigEndian.Uint32(frame[len(frame)-4:]))
				frames++
			}
			packets++
			due = at.Add(f.Duration)
		})
		src := newScript(sound(0, 500, 99)...)
		began := time.Now()
		require.NoError(t, p.SetSource(t.Context(), New(src, 60)))
		var paused time.Duration
		for i := range 40 {
			<-time.After(time.Duration(37+i*7) * ms)
			_, err := p.SetPaused(true)
			require.NoError(t, err)
			place := p.Position()
			<-time.After(time.Duration(i*11) * ms)
			paused += time.Duration((i*11+4)/5*5) * ms // to a step of 5 ms
			require.Equal(t, place, p.Position())
			_, err = p.SetPaused(false)
			require.NoError(t, err)
		}
		require.NoError(t, <-e.ended)
		require.Equal(t, 500, frames)
		require.Equal(t, 167, packets)
		require.Equal(t, 10*time.Second, p.Position())
		// The last packet holds two frames, and is handed over when it begins. What goes on
		// after a pause may do so a few milliseconds later.
		require.InDelta(t, (166*60*ms + paused).Seconds(), time.Since(began).Seconds(), 0.2)
		p.Close(models.ErrClosed)
	})
}

// BenchmarkReadFrame is a packet of 60 ms made of three of a file's.
func BenchmarkReadFrame(b *testing.B) {
	s := JoinReady(&endless{data: packet(celt20, 1, 320)}, 60*ms)
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.ReadFrame()
		if err != nil || f.Duration != 60*ms {
			b.Fatal(f.Duration, err)
		}
	}
}

// endless is a stream without end.
type endless struct {
	media.Stream
	at   time.Duration
	data []byte
}

func (e *endless) ReadFrame() (media.Frame, error) {
	f := media.Frame{Track: media.TrackAudio, PTS: e.at, Duration: 20 * ms, Data: e.data}
	e.at += 20 * ms
	return f, nil
}
