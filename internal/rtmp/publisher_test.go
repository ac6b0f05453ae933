package rtmp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// published is what a server got in one publication.
type published struct {
	keys, pictures, sound []time.Duration
}

// collect serves publications of a length, one after another.
func collect(t *testing.T, length time.Duration, got chan<- published) (addr string) {
	t.Helper()
	return listen(t, nil, func(c net.Conn) {
		s := strict{key: key}
		if ok, _ := s.accept(c); !ok {
			return
		}
		var p published
		for len(p.sound) == 0 || p.sound[len(p.sound)-1] < length {
			m, err := s.conn.Read()
			if err != nil {
				break
			}
			switch m := m.(type) {
			case *message.Video:
				if m.Type != message.VideoTypeAU {
					continue
				}
				if p.pictures = append(p.pictures, m.DTS); m.IsKeyFrame {
					p.keys = append(p.keys, m.DTS)
				}
			case *message.Audio:
				if m.AACType == message.AudioAACTypeAU {
					p.sound = append(p.sound, m.DTS)
				}
			}
		}
		got <- p
	})
}

// publish starts a publisher of black and silence. The encoders it starts are sent.
func publish(t *testing.T, addr string, fps int) (encoders chan *encoder) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	encoders = make(chan *encoder, 8)
	env := media.Env{Logger: slog.New(slog.DiscardHandler)}
	in := ingestAt(t, "rtmp", addr)
	p := Start(Config{
		Env: env, Ingest: in, NoVideo: true, ConnectTimeout: time.Minute, Retry: time.Minute,
		Format:    Format{Format: media.Format{Width: 64, Height: 36, FPS: fps}, VideoKbps: 100, AudioKbps: 64},
		Connected: func() {}, Disconnected: func(err error) { t.Log("disconnected:", err) }, Failed: func(err error) { t.Error(err) },
		Encode: func(f Format) (Encoder, error) {
			e, err := startEncoder(env, f)
			encoders <- e
			return e, err
		},
		Dial: func(ctx context.Context) (Conn, error) { return dial(ctx, in, nil) },
	})
	t.Cleanup(p.Close)
	return encoders
}

// TestEveryPublicationIsWhole, at any rate: it begins at 0 with a key frame, has one
// every two seconds, and sound without a gap.
func TestEveryPublicationIsWhole(t *testing.T) {
	t.Parallel()
	for _, fps := range []int{1, 7, 24, 60} {
		t.Run(fmt.Sprint(fps), func(t *testing.T) {
			t.Parallel()
			got := make(chan published, 8)
			encoders := publish(t, collect(t, 4500*time.Millisecond, got), fps)
			tick := time.Second / time.Duration(fps)
			// ffmpeg keeps the first tick's silence for itself: it probes with it.
			for _, late := range []time.Duration{tick, 0} {
				p := <-got
				for i, at := range p.keys { // a busy machine may leave out the tick of one
					require.InDelta(t, 2*i, at.Seconds(), 0.5)
				}
				require.GreaterOrEqual(t, len(p.keys), 2)
				require.Zero(t, p.pictures[0])
				require.IsIncreasing(t, p.pictures)
				require.Less(t, p.sound[0], late+50*time.Millisecond)
				for i := 1; i < len(p.sound); i++ {
					require.InDelta(t, 23.2, float64((p.sound[i] - p.sound[i-1]).Milliseconds()), 1.3)
				}
			}
			require.Len(t, encoders, 1)
		})
	}
}

// TestAnEncoderThatIsKilledIsReplaced, and the publication with it.
func TestAnEncoderThatIsKilledIsReplaced(t *testing.T) {
	t.Parallel()
	got := make(chan published, 8)
	encoders := publish(t, collect(t, 2*time.Second, got), 25)
	first := <-encoders
	<-first.Ready()
	first.Kill()
	<-encoders
	for range 4 {
		if p := <-got; len(p.sound) > 0 && p.sound[len(p.sound)-1] >= 2*time.Second {
			require.Zero(t, p.pictures[0])
			return
		}
	}
	t.Fatal("no whole publication")
}
