package rtmp

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func format() Format {
	return Format{Format: media.Format{Width: 1280, Height: 720, FPS: 30}, VideoKbps: 800, AudioKbps: 128}
}

// TestFFmpegReadsTheStream: what is written is read back, bit by bit, with its times.
func TestFFmpegReadsTheStream(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("ffprobe is not installed")
	}
	f := format()
	f.Width, f.Height, f.FPS = 16, 8, 25
	stream := container.AppendRawHeader(nil, f.Format)
	day := 100 * time.Hour // beyond every 32-bit time
	for i := range 3 {
		at := day + time.Duration(i)*40*time.Millisecond
		stream = append(container.AppendRawBlock(stream, media.TrackAudio, at, 4*1764), make([]byte, 4*1764)...)
		stream = append(container.AppendRawBlock(stream, media.TrackVideo, at, f.PictureSize()), make([]byte, f.PictureSize())...)
	}
	cmd := exec.Command("ffprobe", "-v", "error", "-f", "matroska", "-of", "compact=p=0:nk=1",
		"-show_entries", "packet=codec_type,pts_time,size:stream=codec_name,pix_fmt,width,height,avg_frame_rate,sample_rate,channels", "-i", "pipe:0")
	cmd.Stdin = bytes.NewReader(stream)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, []string{
		"audio|360000.000000|7056", "video|360000.000000|192",
		"audio|360000.040000|7056", "video|360000.040000|192",
		"audio|360000.080000|7056", "video|360000.080000|192",
		"rawvideo|16|8|yuv420p|25/1", "pcm_s16le|44100|2|0/0",
	}, strings.Fields(string(out)))
}

func TestFormatOfOptions(t *testing.T) {
	t.Parallel()
	format, err := FormatOf(media.EncodeOptions{})
	require.NoError(t, err)
	require.Equal(t, Format{Format: media.Format{Width: 1280, Height: 720, FPS: 30}, VideoKbps: 800, AudioKbps: 128}, format)
	format, err = FormatOf(media.EncodeOptions{VideoWidth: 641, VideoHeight: 361, VideoFPS: 10})
	require.NoError(t, err)
	require.Equal(t, media.Format{Width: 640, Height: 360, FPS: 10}, format.Format)
	require.Equal(t, 640*360*3/2, format.PictureSize())
	for name, o := range map[string]media.EncodeOptions{
		"rate":    {VideoFPS: -1},
		"picture": {VideoWidth: 16000, VideoHeight: 16000},
	} {
		_, err = FormatOf(o)
		require.ErrorIs(t, err, models.ErrInvalidParams, name)
	}
}
