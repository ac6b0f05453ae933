package gotgcall_test

import (
	"context"
	"runtime"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const (
	ffmpeg = "ffmpeg"
	chat   = int64(-1001234567890)
	both   = gotgcall.TrackAudio | gotgcall.TrackVideo
)

func newClient(b *testing.B) *gotgcall.Client {
	b.Helper()
	client, err := gotgcall.New()
	require.NoError(b, err)
	b.Cleanup(func() { _ = client.Close() })
	return client
}

func connect(b *testing.B, client *gotgcall.Client, chat int64, join func(testing.TB, string) string) {
	b.Helper()
	params, err := client.CreateCall(chat)
	require.NoError(b, err)
	require.NoError(b, client.Connect(chat, join(b, params)))
}

func joiner(server *sfu.SFU) func(testing.TB, string) string {
	return func(b testing.TB, params string) string {
		answer, err := server.Join(context.Background(), params)
		require.NoError(b, err)
		return answer
	}
}

// BenchmarkCalls plays 320-byte Opus packets into many calls for ten seconds, with
// pictures of 800 kbit/s or with what the other calls of a server send as well, and
// reports, per call: processor time per second of play, heap and goroutines.
func BenchmarkCalls(b *testing.B) {
	sound, movie := synthetic.Source{Size: 320}, synthetic.Source{Size: 320, Picture: 4000}
	for _, c := range []struct {
		name  string
		calls int
		src   synthetic.Source
		crowd bool
	}{
		{"1", 1, sound, false},
		{"50", 50, sound, false},
		{"200", 200, sound, false},
		{"50 with pictures", 50, movie, false},
		{"10 that hear each other", 10, sound, true},
		{"10 that hear and see each other", 10, movie, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			calls := c.calls
			server, client := subprocess.Start(b, subprocess.Options{Forward: c.crowd}), newClient(b)
			before := measure()
			for chat := range int64(calls) {
				connect(b, client, chat, server.Join)
			}
			const play = 10 * time.Second
			for b.Loop() {
				start := processorTime()
				for chat := range int64(calls) {
					require.NoError(b, client.SetStreamSources(chat, c.src))
				}
				<-time.After(play)
				used := processorTime() - start
				stats, err := client.Stats(0)
				require.NoError(b, err)
				b.ReportMetric(float64(stats.Audio.Packets+stats.Video.Packets)/play.Seconds(), "packets/s")
				b.ReportMetric(used.Seconds()*1000/play.Seconds()/float64(calls), "ms-cpu/call-second")
			}
			after := measure()
			b.ReportMetric(float64(after.heap-before.heap)/float64(calls), "B-heap/call")
			b.ReportMetric(float64(after.goroutines-before.goroutines)/float64(calls), "goroutines/call")
		})
	}
}

type footprint struct{ heap, goroutines int }

func measure() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{int(m.HeapAlloc), runtime.NumGoroutine()}
}

// BenchmarkPacing plays a call for ten seconds and reports how far from its due
// time each packet arrives, over loopback.
func BenchmarkPacing(b *testing.B) {
	var mu sync.Mutex
	var arrivals []time.Time
	server, err := sfu.New(sfu.Config{OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
		if !p.Header.Padding {
			mu.Lock()
			defer mu.Unlock()
			arrivals = append(arrivals, p.Arrival)
		}
	}})
	require.NoError(b, err)
	defer server.Close()
	client := newClient(b)
	connect(b, client, chat, joiner(server))
	for b.Loop() {
		mu.Lock()
		arrivals = nil
		mu.Unlock()
		require.NoError(b, client.SetStreamSources(chat, synthetic.Source{Size: 320}))
		<-time.After(10 * time.Second)
		mu.Lock()
		var off []float64
		first := arrivals[0]
		for i, at := range arrivals {
			first = earlier(first, at.Add(-time.Duration(i)*20*time.Millisecond))
		}
		for i, at := range arrivals {
			off = append(off, float64(at.Sub(first.Add(time.Duration(i)*20*time.Millisecond)).Microseconds()))
		}
		mu.Unlock()
		sort.Float64s(off)
		b.ReportMetric(off[len(off)/2], "us-p50")
		b.ReportMetric(off[len(off)*99/100], "us-p99")
		b.ReportMetric(off[len(off)-1], "us-max")
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// BenchmarkFrameEndToEnd plays frames of no duration: as fast as the library sends
// them, through SRTP and a socket.
func BenchmarkFrameEndToEnd(b *testing.B) {
	server, client := subprocess.Start(b, subprocess.Options{}), newClient(b)
	connect(b, client, chat, server.Join)
	ended := make(chan struct{}, 1)
	client.OnStreamEnd(func(int64, gotgcall.StreamType, gotgcall.Device, error) { ended <- struct{}{} })
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, client.SetStreamSources(chat, burst{b.N}))
	<-ended
}

// burst is a source whose frames are all due at once.
type burst struct{ frames int }

func (burst) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (s burst) Open(ctx context.Context, env gotgcall.Env) (gotgcall.Stream, error) {
	stream, err := synthetic.Source{Frames: s.frames, Size: 320}.Open(ctx, env)
	return burstStream{stream}, err
}

type burstStream struct{ gotgcall.Stream }

func (s burstStream) ReadFrame() (gotgcall.Frame, error) {
	f, err := s.Stream.ReadFrame()
	f.PTS, f.Duration = 0, 0
	return f, err
}

func BenchmarkCreateCall(b *testing.B) {
	client := newClient(b)
	b.ReportAllocs()
	chat := int64(0)
	for b.Loop() {
		chat++
		if _, err := client.CreateCall(chat); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstPacket measures from SetStreamSources to the first RTP packet at
// the server, with real ffmpeg.
func BenchmarkFirstPacket(b *testing.B) {
	for name, tracks := range map[string]gotgcall.Track{"audio": gotgcall.TrackAudio, "audio+video": both} {
		b.Run(name, func(b *testing.B) {
			path := b.TempDir() + "/movie.mp4"
			require.NoError(b, mediatest.MakeMovie(context.Background(), ffmpeg, path, mediatest.MovieSpec{Width: 640, Height: 360, Duration: 10 * time.Second}))
			first := make(chan struct{}, 1<<16)
			server, err := sfu.New(sfu.Config{OnRTP: func(_ *sfu.Participant, p sfu.Packet) {
				if !p.Header.Padding {
					first <- struct{}{}
				}
			}})
			require.NoError(b, err)
			defer server.Close()
			client := newClient(b)
			for b.Loop() {
				b.StopTimer()
				connect(b, client, chat, joiner(server))
				b.StartTimer()
				require.NoError(b, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: tracks})))
				<-first
				b.StopTimer()
				require.NoError(b, client.Stop(chat))
				for len(first) > 0 {
					<-first
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/first-packet")
		})
	}
}

// BenchmarkConnect measures from Connect to media can flow, over loopback.
func BenchmarkConnect(b *testing.B) {
	server, err := sfu.New(sfu.Config{})
	require.NoError(b, err)
	defer server.Close()
	client := newClient(b)
	for b.Loop() {
		b.StopTimer()
		params, err := client.CreateCall(chat)
		require.NoError(b, err)
		answer, err := server.Join(context.Background(), params)
		require.NoError(b, err)
		b.StartTimer()
		require.NoError(b, client.Connect(chat, answer))
		b.StopTimer()
		require.NoError(b, client.Stop(chat))
		b.StartTimer()
	}
}

// BenchmarkStop measures Stop of a call that plays audio and video.
func BenchmarkStop(b *testing.B) {
	path := b.TempDir() + "/movie.mp4"
	require.NoError(b, mediatest.MakeMovie(context.Background(), ffmpeg, path, mediatest.MovieSpec{Width: 160, Height: 90, Duration: 10 * time.Second}))
	server, err := sfu.New(sfu.Config{})
	require.NoError(b, err)
	defer server.Close()
	client := newClient(b)
	for b.Loop() {
		b.StopTimer()
		connect(b, client, chat, joiner(server))
		require.NoError(b, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
		b.StartTimer()
		require.NoError(b, client.Stop(chat))
	}
}
