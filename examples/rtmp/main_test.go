package main

import (
	"bytes"
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExample pushes two seconds to an ffmpeg that listens.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	movie, got := filepath.Join(dir, "movie.mkv"), filepath.Join(dir, "got.flv")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x36:rate=10:duration=2",
		"-f", "lavfi", "-i", "sine=duration=2", "-c:v", "libx264", "-c:a", "flac", movie).CombinedOutput()
	require.NoError(t, err, string(out))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "rtmp://" + l.Addr().String() + "/live/key"
	l.Close()
	listener := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-listen", "1", "-i", url, "-c", "copy", got)
	require.NoError(t, listener.Start())
	t.Cleanup(func() { _ = listener.Process.Kill() })

	var shown bytes.Buffer
	require.NoError(t, run(t.Context(), []string{movie}, url, &shown))
	require.NoError(t, listener.Wait())
	require.Contains(t, shown.String(), "connected")
	require.NotContains(t, shown.String(), "key")
	require.FileExists(t, got)

	require.ErrorContains(t, run(t.Context(), nil, "", &shown), "usage")
	require.Error(t, run(t.Context(), []string{"none.mp4"}, url, &shown))
}
