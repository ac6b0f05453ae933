package ffmpeg

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script writes an executable shell script that stands for ffmpeg.
func script(t *testing.T, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script stands for ffmpeg")
	}
	path := filepath.Join(t.TempDir(), "ffmpeg")
	require.NoError(t, mediatest.WriteProgram(path, body))
	return path
}

// says is a script that gives a version and encoders as ffmpeg does.
func says(version string, encoders ...string) string {
	return "echo 'ffmpeg version " + version + " Copyright (c) 2000-2026 the FFmpeg developers' >&2\n" +
		"printf 'Encoders:\\n V..... = Video\\n ------\\n" + strings.Join(encoders, "\\n") + "\\n'"
}

const (
	opus = " A....D libopus              libopus Opus (codec opus)"
	vpx  = " V....D libvpx               libvpx VP8 (codec vp8)"
)

func TestRealProgramHasWhatIsNeeded(t *testing.T) {
	t.Parallel()
	b, err := Inspect(t.Context(), "ffmpeg")
	require.NoError(t, err)
	require.NoError(t, b.Require("libopus", "libvpx", "libx264", "aac"))
	require.ErrorContains(t, b.Require("libopus", "libnothing"), "without libnothing")
	banner, err := exec.Command("ffmpeg", "-version").Output()
	require.NoError(t, err)
	require.Contains(t, string(banner), "ffmpeg version "+b.version+" ")
}

func TestVersionsAndEncoders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ version, body, refused string }{
		{"debian", says("5.1.9-0+deb12u1", opus, vpx), ""},
		{"the oldest", says("4.4.2-0ubuntu0.22.04.1", opus, vpx), ""},
		{"static", says("5.0-static https://johnvansickle.com/ffmpeg/", opus, vpx), ""},
		{"tag", says("n7.1-153-gaeb8631048", opus, vpx), ""},
		{"git", says("N-12345-g0123abc", opus, vpx), ""},
		{"date", says("2023-03-05-git-912ac82a3c-full_build-www.gyan.dev", opus, vpx), ""},
		{"future", says("10.0", opus, vpx), ""},
		{"no banner", "printf 'Encoders:\\n ------\\n" + opus + "\\n" + vpx + "\\n'", ""},
		{"old", says("4.3.7-0+deb11u1", opus, vpx), "4.3.7-0+deb11u1, want 4.4 or newer"},
		{"very old", says("n3.1", opus, vpx), "n3.1, want 4.4"},
		{"no opus", says("7.1", " A..X.D opus                 Opus", vpx), "7.1 was built without libopus"},
		{"nothing", says("7.1", " A..X.D opus                 Opus"), "without libopus and libvpx"},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			b, err := Inspect(t.Context(), script(t, test.body))
			if err == nil {
				err = b.Require("libopus", "libvpx")
			}
			if test.refused == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, models.ErrFFmpegSpawn)
			require.ErrorContains(t, err, test.refused)
		})
	}
}

func TestProgramsThatAreNotFFmpeg(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ body, words string }{
		"silent":        {"exit 0", "not ffmpeg"},
		"garbage":       {"exec cat /dev/zero", "-encoders"},
		"fails":         {"echo 'cannot open shared object file' >&2; exit 127", "exit status 127: cannot open shared object file"},
		"killed":        {"kill -KILL $$", "killed"},
		"noisy":         {"yes | head -c 9000000 >&2; exit 1", "exit status 1"},
		"another":       {"echo usage; exit 0", "not ffmpeg"},
		"closes output": {"exec >&-; exit 3", "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Inspect(t.Context(), script(t, test.body))
			require.ErrorIs(t, err, models.ErrFFmpegSpawn)
			require.ErrorContains(t, err, test.words)
		})
	}
	_, err := Inspect(t.Context(), filepath.Join(t.TempDir(), "ffmpeg"))
	require.ErrorIs(t, err, models.ErrFFmpegSpawn)
}

func TestProgramThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"ignores signals": "trap '' TERM INT; while :; do sleep 600; done",
		"after the list":  says("7.1", opus, vpx) + "; sleep 600",
		"child":           "sleep 600 & " + says("7.1", opus, vpx) + "; wait",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := Inspect(ctx, script(t, body))
			require.ErrorIs(t, err, models.ErrFFmpegSpawn)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "does not answer")
		})
	}
}

func BenchmarkInspect(b *testing.B) {
	for b.Loop() {
		_, err := Inspect(context.Background(), "ffmpeg")
		require.NoError(b, err)
	}
}
