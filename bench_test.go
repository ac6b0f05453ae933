package gotgcall_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// What calls cost is measured by internal/bench: here is what one packet costs.

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

// BenchmarkFrame plays frames of no duration, as fast as the library sends them, through
// SRTP and a socket. No path allocates for a frame.
func BenchmarkFrame(b *testing.B) {
	opus := b.TempDir() + "/sound.opus"
	out, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=300", "-c:a", "libopus", opus).CombinedOutput()
	require.NoError(b, err, string(out))
	file := gotgcall.FromFile(opus, gotgcall.EncodeOptions{})
	for _, c := range []struct {
		name   string
		source gotgcall.Source
	}{
		{"sound", synthetic.Source{Size: 320}},
		{"sound of 60 ms", synthetic.Source{Size: 960, Joined: 3}},
		{"pictures", synthetic.Source{Size: 320, Picture: 4000}},
		{"pass-through", file},
		{"shared", gotgcall.Shared(synthetic.Source{Size: 320})},
		{"pass-through in packets of 60 ms", gotgcall.FromFile(opus, gotgcall.EncodeOptions{PacketMs: 60})},
	} {
		b.Run(c.name, func(b *testing.B) {
			server, client := subprocess.Start(b, subprocess.Options{}), newClient(b)
			connect(b, client, chat, server.Join)
			ended := make(chan error, 2)
			client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ended <- err })
			b.ReportAllocs()
			b.ResetTimer()
			require.NoError(b, client.SetStreamSources(chat, burst{c.source, b.N}))
			require.NoError(b, <-ended)
		})
	}
}

// burst is a number of frames of a source, which begins again where it ends, all due at once.
type burst struct {
	gotgcall.Source
	frames int
}

func (s burst) Open(ctx context.Context, env gotgcall.Env) (gotgcall.Stream, error) {
	stream, err := s.Source.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	again := func() (gotgcall.Stream, error) { return s.Source.Open(context.WithoutCancel(ctx), env) }
	return &burstStream{stream, s.frames, again}, nil
}

type burstStream struct {
	gotgcall.Stream
	left  int
	again func() (gotgcall.Stream, error)
}

func (s *burstStream) ReadFrame() (gotgcall.Frame, error) {
	if s.left == 0 {
		return gotgcall.Frame{}, io.EOF
	}
	s.left--
	f, err := s.Stream.ReadFrame()
	if errors.Is(err, io.EOF) {
		if err := s.Close(); err != nil {
			return f, err
		}
		if s.Stream, err = s.again(); err != nil {
			return f, err
		}
		f, err = s.Stream.ReadFrame()
	}
	f.PTS, f.Duration = 0, 0
	return f, err
}

// BenchmarkStop measures Stop of a call that plays audio and video.
func BenchmarkStop(b *testing.B) {
	path := b.TempDir() + "/movie.mp4"
	require.NoError(b, mediatest.MakeMovie(context.Background(), ffmpeg, path, mediatest.MovieSpec{Width: 160, Height: 90, Duration: 10 * time.Second}))
	server, client := subprocess.Start(b, subprocess.Options{}), newClient(b)
	for b.Loop() {
		b.StopTimer()
		connect(b, client, chat, server.Join)
		require.NoError(b, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})))
		b.StartTimer()
		require.NoError(b, client.Stop(chat))
	}
}
