package source_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// raw is a source whose frames are raw pictures of 64 x 48.
type raw struct{ media.SeekableSource }

func (r raw) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return r.OpenAt(ctx, env, 0)
}

func (r raw) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	env.Format = media.Format{Width: 64, Height: 48, FPS: 25}
	return r.SeekableSource.OpenAt(ctx, env, position)
}

// openRaw opens what a source plays in raw pictures of 64 x 48.
func openRaw(t *testing.T, src media.Source, position time.Duration) media.Stream {
	t.Helper()
	stream, err := raw{src.(media.SeekableSource)}.OpenAt(context.Background(), env(), position)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

// TestRawPicturesAreLetterboxed: a white picture of any shape has black beside it or
// above and below, is as large as it can be, and is not stretched.
func TestRawPicturesAreLetterboxed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, size, aspect string
		width, height      int // of what is white
	}{
		{"same.mp4", "64x48", "1", 64, 48},
		{"smaller.mp4", "32x24", "1", 64, 48},
		{"wide.mp4", "128x32", "1", 64, 16},
		{"tall.mp4", "48x96", "1", 24, 48},
		{"anamorphic.mp4", "32x48", "2", 64, 48},
		{"odd.mkv", "33x99", "1", 16, 48},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := fixture(t, test.name, "-f", "lavfi", "-i", "color=white:size="+test.size+":rate=25:duration=0.4",
				"-vf", "setsar="+test.aspect, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p")
			stream := openRaw(t, media.FromFile(path, video), 0)
			frame, err := stream.ReadFrame()
			require.NoError(t, err)
			require.True(t, frame.Key)
			require.Len(t, frame.Data, 64*48*3/2)
			width, height := 0, 0
			for y := range 48 {
				row := frame.Data[y*64 : (y+1)*64]
				width = max(width, count(row))
				if count(row) > 0 {
					height++
				}
			}
			require.InDelta(t, test.width, width, 2)
			require.InDelta(t, test.height, height, 2)
		})
	}
}

// count is how many pixels are white.
func count(row []byte) (n int) {
	for _, y := range row {
		if y > 128 {
			n++
		}
	}
	return n
}

// TestRawFramesAreContiguous, from the start and from a position.
func TestRawFramesAreContiguous(t *testing.T) {
	t.Parallel()
	path := fixture(t, "movie.mkv", movie("64x48", "25", "2", "-preset", "ultrafast", "-c:a", "flac")...)
	for _, position := range []time.Duration{0, time.Second} {
		stream := openRaw(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}), position)
		require.Equal(t, both, stream.Tracks())
		samples, pictures := 0, 0
		for {
			f, err := stream.ReadFrame()
			if err == io.EOF { //nolint:errorlint // that very value is the contract
				break
			}
			require.NoError(t, err)
			if f.Track == media.TrackVideo {
				require.InDelta(t, float64(pictures)/25, f.PTS.Seconds(), 0.001)
				pictures++
				continue
			}
			require.InDelta(t, float64(samples)/container.SampleRate, f.PTS.Seconds(), 0.001)
			samples += len(f.Data) / container.SampleSize
		}
		length := 2*time.Second - position
		require.InDelta(t, length.Seconds()*container.SampleRate, samples, 1)
		require.InDelta(t, length.Seconds()*25, pictures, 0)
	}
}

func TestCommandsGiveNoRawFrames(t *testing.T) {
	t.Parallel()
	for _, src := range []media.Source{media.FromShell("cat x", media.TrackAudio), media.FromShells("cat x", "cat y")} {
		require.NotImplements(t, (*media.RawSource)(nil), src)
		_, err := raw{src.(media.SeekableSource)}.OpenAt(t.Context(), env(), time.Second)
		require.ErrorIs(t, err, models.ErrInvalidParams)
	}
}

// TestRawFramesCostNoAllocation: 720p30 is 41 MB/s.
func TestRawFramesCostNoAllocation(t *testing.T) {
	path := fixture(t, "long.mkv", movie("64x48", "25", "8", "-preset", "ultrafast", "-c:a", "flac")...)
	stream := openRaw(t, media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo}), 0)
	read := func() {
		_, err := stream.ReadFrame()
		require.NoError(t, err)
	}
	for range 20 {
		read()
	}
	require.Less(t, testing.AllocsPerRun(200, read), 1.0)
}
