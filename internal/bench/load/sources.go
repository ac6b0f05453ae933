package load

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
)

// The sources. Ready Opus is 128 kbit/s in each packet time, as is what is encoded.
const (
	Idle        = "idle"
	Ready20     = "ready Opus, 20 ms"
	Ready60     = "ready Opus, 60 ms"
	PassThrough = "pass-through file"
	MP3         = "mp3 by ffmpeg"
	Picture     = "720p30 by ffmpeg"
	H264Picture = "720p30 by ffmpeg, H.264"
	SharedMP3   = "shared mp3 by ffmpeg"
	ReadyVideo  = "ready Opus and VP8"
)

// The size of a ready packet of Opus for each 20 ms in it.
const size20 = 320

// PacketSize returns the bytes of a ready source's packet and how many make a second, or 0 for
// another source.
func PacketSize(source string) (bytes, milliseconds int) {
	switch source {
	case Ready20:
		return size20, 20
	case Ready60:
		return 3 * size20, 60
	}
	return 0, 0
}

func sources(media string) map[string]gotgcall.Source {
	mp3 := gotgcall.FromFile(filepath.Join(media, "sound.mp3"), gotgcall.EncodeOptions{})
	return map[string]gotgcall.Source{
		Ready20:     synthetic.Source{Size: size20},
		Ready60:     synthetic.Source{Size: 3 * size20, Joined: 3},
		PassThrough: gotgcall.FromFile(filepath.Join(media, "sound.opus"), gotgcall.EncodeOptions{}),
		MP3:         mp3,
		SharedMP3:   gotgcall.Shared(mp3),
		Picture: gotgcall.FromFile(filepath.Join(media, "movie.mp4"), gotgcall.EncodeOptions{
			Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo, AlwaysEncode: true,
		}),
		H264Picture: gotgcall.FromFile(filepath.Join(media, "movie.mp4"), gotgcall.EncodeOptions{
			Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo, AlwaysEncode: true, VideoEncoder: gotgcall.H264,
		}),
		ReadyVideo: synthetic.Source{Size: size20, Picture: 4000}, // 800 kbit/s
	}
}

// Make makes the files that some sources play, which last three minutes.
func Make(ctx context.Context, ffmpeg, media string, played []string) error {
	const (
		sound   = "aevalsrc=0.3*sin(2*PI*t*(220+20*sin(t)))+0.1*random(0):d=180:s=48000:c=stereo"
		picture = "testsrc2=d=180:s=1280x720:r=30"
	)
	for _, file := range []struct {
		name string
		of   []string // sources
		args []string
	}{
		{"sound.opus", []string{PassThrough}, []string{"-f", "lavfi", "-i", sound, "-c:a", "libopus", "-b:a", "128k"}},
		{"sound.mp3", []string{MP3, SharedMP3}, []string{"-f", "lavfi", "-i", sound, "-c:a", "libmp3lame", "-b:a", "192k"}},
		{"movie.mp4", []string{Picture, H264Picture}, []string{
			"-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac",
		}},
	} {
		if !slices.ContainsFunc(played, func(s string) bool { return slices.Contains(file.of, s) }) {
			continue
		}
		args := slices.Concat([]string{"-v", "error", "-nostdin"}, file.args, []string{filepath.Join(media, file.name)})
		if out, err := exec.CommandContext(ctx, ffmpeg, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("make %s: %w: %s", file.name, err, bytes.TrimSpace(out))
		}
	}
	return nil
}
