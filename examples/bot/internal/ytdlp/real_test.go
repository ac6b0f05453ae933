//go:build unix

package ytdlp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
)

// The real program takes the command lines, finds the proxy, prints what is read, and
// is led nowhere by what a page says.
func TestTheRealProgram(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("yt-dlp"); err != nil {
		t.Skip("yt-dlp is not installed")
	}
	canary := guardtest.NewCanary(t)
	site := http.NewServeMux()
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	serve := func(path, contentType, body string) {
		site.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		})
	}
	video := func(address string) string {
		return `<html><head><title>A title</title></head><body><video src="` + address + `"></video></body></html>`
	}
	content := clip(t)
	serve("/clip.webm", "video/webm", content)
	serve("/page", "text/html", video("/clip.webm"))
	serve("/private", "text/html", video(canary.URL+"/x.mp4"))
	serve("/ftp", "text/html", video("ftp://127.0.0.1:"+canary.Port+"/x.mp4"))
	serve("/rtmp", "text/html", video("rtmp://127.0.0.1:"+canary.Port+"/x"))
	serve("/list.m3u8", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")

	proxy, err := guard.Listen(guard.Guard{Policy: guardtest.Allow(server.URL).Policy})
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	p := Find(t.Context(), Config{AnyVersion: true, LookupTimeout: time.Minute}, proxy)
	require.NoError(t, p.Err())
	found, err := p.Lookup(t.Context(), 1, server.URL+"/page", 50)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, strings.HasPrefix(found[0].Title, "A title"), found[0].Title)
	require.Equal(t, server.URL+"/page", found[0].URL)

	dir := workspace(t)
	name, err := p.Download(t.Context(), server.URL+"/page", 0, true, dir)
	require.NoError(t, err)
	got, err := dir.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, content, string(got))

	for path, want := range map[string]error{
		"/private": gotgcall.ErrNotPublic, "/ftp": ErrUnsupported, "/rtmp": ErrUnsupported, "/list.m3u8": nil,
	} {
		_, err := p.Download(t.Context(), server.URL+path, 0, false, workspace(t))
		require.Error(t, err, path)
		if want != nil {
			require.ErrorIs(t, err, want, path)
		}
	}
}

// clip returns a second of WebM.
func clip(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.webm")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1",
		"-f", "lavfi", "-i", "testsrc=d=1:s=160x90", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}
