//go:build linux

package ffmpeg

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// TestEncoderRunsAheadByTime: whatever the bit rate, an encoder that nobody reads stops
// after about the same time of its output.
func TestEncoderRunsAheadByTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "noise.mkv")
	makeMovie(t, path, "anoisesrc=d=30:a=0.3:c=pink", "testsrc2=d=30:s=320x240:r=15,noise=alls=30:allf=t")
	still := filepath.Join(t.TempDir(), "still.mkv")
	makeMovie(t, still, "anoisesrc=d=120:a=0.3:c=pink", "testsrc2=d=120:s=320x240:r=15,trim=end_frame=1,loop=-1:1,trim=end=120")

	for name, c := range map[string]struct {
		path string
		o    media.EncodeOptions
	}{
		"16 kbit/s":              {path, media.EncodeOptions{AudioBitrateKbps: 16, AudioChannels: 1}},
		"64 kbit/s":              {path, media.EncodeOptions{AudioBitrateKbps: 64}},
		"128 kbit/s":             {path, media.EncodeOptions{AudioBitrateKbps: 128}},
		"510 kbit/s":             {path, media.EncodeOptions{AudioBitrateKbps: 510}},
		"60 ms":                  {path, media.EncodeOptions{AudioBitrateKbps: 96, PacketMs: 60}},
		"100 kbit/s video":       {path, media.EncodeOptions{Tracks: media.TrackVideo, VideoBitrateKbps: 100, VideoWidth: 160, VideoHeight: 120}},
		"400 kbit/s video":       {path, media.EncodeOptions{Tracks: media.TrackVideo, VideoBitrateKbps: 400}},
		"800 kbit/s, sound":      {path, media.EncodeOptions{Tracks: media.TrackVideo | media.TrackAudio, VideoBitrateKbps: 800}},
		"a still picture, sound": {still, media.EncodeOptions{Tracks: media.TrackVideo | media.TrackAudio}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.Tracks = cmp.Or(c.o.Tracks, media.TrackAudio)
			o, err := c.o.Resolve()
			require.NoError(t, err)
			unique := filepath.Join(t.TempDir(), "unique.mkv")
			require.NoError(t, os.Link(c.path, unique))
			e, err := Open(t.Context(), media.Env{}, Encoding{Options: o}.File(unique, 0))
			require.NoError(t, err)
			defer e.Close()
			require.Eventually(t, func() bool { return isBlocked(t, unique) }, time.Minute, 20*time.Millisecond)
			e.process.Kill()

			ahead := map[media.Track]time.Duration{}
			for {
				f, err := e.ReadFrame()
				if err != nil {
					break
				}
				ahead[f.Track] = f.PTS + f.Duration
			}
			t.Log(ahead)
			for track, got := range ahead {
				require.Less(t, got, longestAhead+2*time.Second, "%v", track)
			}
			require.Greater(t, max(ahead[media.TrackAudio], ahead[media.TrackVideo]), longestAhead/4)
		})
	}
}

// makeMovie makes a file of a sound and pictures of lavfi.
func makeMovie(t *testing.T, path, sound, pictures string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", sound, "-f", "lavfi", "-i", pictures,
		"-c:v", "libx264", "-preset", "ultrafast", "-ac", "2", path)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Run())
}

// isBlocked reports whether the program that has an argument waits for room in a pipe.
func isBlocked(t *testing.T, argument string) bool {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, command := range commands {
		if line, _ := os.ReadFile(command); !strings.Contains(string(line), argument) {
			continue
		}
		waits, err := filepath.Glob(filepath.Dir(command) + "/task/*/wchan")
		require.NoError(t, err)
		for _, wait := range waits {
			if at, _ := os.ReadFile(wait); strings.Contains(string(at), "pipe_write") {
				return true
			}
		}
	}
	return false
}
