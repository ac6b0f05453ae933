package console_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/examples/local/internal/console"
	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a running page.
type site struct {
	t      *testing.T
	url    string
	folder string
	client http.Client
}

func open(t *testing.T) *site {
	t.Helper()
	folder := t.TempDir()
	s, err := studio.New(studio.Config{Folder: folder})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	handler, err := console.Handler(s)
	require.NoError(t, err)
	web, err := page.Serve("127.0.0.1:0", handler)
	require.NoError(t, err)
	t.Cleanup(web.Close)
	transport := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	return &site{t: t, url: web.URL(), folder: folder, client: http.Client{Transport: transport}}
}

// send sends a request that change has changed, and returns the answer.
func (s *site) send(method, path string, body io.Reader, change func(*http.Request)) (status int, text string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	require.NoError(s.t, err)
	if change != nil {
		change(r)
	}
	answer, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	for _, secret := range []string{s.folder, filepath.Dir(s.folder), os.TempDir() + "/"} {
		require.NotContains(s.t, string(raw), secret, "a path is in the answer")
	}
	return answer.StatusCode, string(raw)
}

func TestHostileRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	status, _ := s.send(http.MethodGet, "", nil, nil)
	require.Equal(t, http.StatusOK, status)
	for name, change := range map[string]func(*http.Request){
		"another origin":       func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"an origin of no site": func(r *http.Request) { r.Header.Set("Origin", "null") },
		"another port":         func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") },
		"another host":         func(r *http.Request) { r.Host = "evil.example:" + r.URL.Port() },
		"a host without port":  func(r *http.Request) { r.Host = "127.0.0.1" },
		"an address of the net": func(r *http.Request) {
			r.Host = "192.0.2.1:" + r.URL.Port()
		},
		"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"no token":     func(r *http.Request) { r.URL.Path = "/api/sources" },
		"a wrong token": func(r *http.Request) {
			r.URL.Path = "/AAAAAAAAAAAAAAAAAAAAAAAAAA/api/sources"
		},
		"half a token": func(r *http.Request) { r.URL.Path = r.URL.Path[:10] + "/api/sources" },
	} {
		status, text := s.send(http.MethodGet, "api/sources", nil, change)
		require.Equal(t, http.StatusForbidden, status, name)
		require.NotContains(t, text, "patterns", name)
		status, _ = s.send(http.MethodPost, "api/load", strings.NewReader(`{"calls": 1}`), change)
		require.Equal(t, http.StatusForbidden, status, name)
	}
}

func TestUploadsAreBoundedAndOfMedia(t *testing.T) {
	t.Parallel()
	s := open(t)
	outside := filepath.Join(filepath.Dir(s.folder), "outside.mp3")
	for _, name := range []string{"..%2foutside.mp3", "%2e%2e", ".hidden", "a%2fb.mp3", "..%5coutside.mp3", "a%00.mp3", "C:x.mp3"} {
		status, _ := s.send(http.MethodPost, "api/files/"+name, strings.NewReader("x"), nil)
		require.GreaterOrEqual(t, status, 400, name)
	}
	require.NoFileExists(t, outside)
	status, text := s.send(http.MethodPost, "api/files/big.mp4", strings.NewReader("x"), func(r *http.Request) {
		r.ContentLength = 10 << 30
		r.Header.Set("Expect", "100-continue") // or the refusal may be lost while the rest is sent
		r.Body = io.NopCloser(io.LimitReader(zeros{}, 10<<30))
	})
	require.Equal(t, http.StatusRequestEntityTooLarge, status, text)
	status, text = s.send(http.MethodPost, "api/files/song.mp3", strings.NewReader("this is no music"), nil)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.NotEmpty(t, text)
	playlist := "ffconcat version 1.0\nfile /etc/passwd\n"
	status, _ = s.send(http.MethodPost, "api/files/list.mp3", strings.NewReader(playlist), nil)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	left, err := os.ReadDir(s.folder)
	require.NoError(t, err)
	require.Empty(t, left)

	song := filepath.Join(t.TempDir(), "song.mp3")
	require.NoError(t, mediatest.MakeTones(t.Context(), "", song, mediatest.AudioSpec{Seconds: 2}))
	raw, err := os.ReadFile(song)
	require.NoError(t, err)
	status, text = s.send(http.MethodPost, "api/files/my%20song.mp3", strings.NewReader(string(raw)), nil)
	require.Equal(t, http.StatusNoContent, status, text)
	_, text = s.send(http.MethodGet, "api/sources", nil, nil)
	require.Contains(t, text, `"my song.mp3"`)
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestOnlyFilesOfTheFolderArePlayed(t *testing.T) {
	t.Parallel()
	s := open(t)
	secret := filepath.Join(t.TempDir(), "secret.mp3")
	require.NoError(t, mediatest.MakeTones(t.Context(), "", secret, mediatest.AudioSpec{Seconds: 2}))
	require.NoError(t, os.Symlink(secret, filepath.Join(s.folder, "link.mp3")))
	for _, body := range []string{
		`{"kind": "file", "value": "link.mp3"}`, `{"kind": "file", "value": "../secret.mp3"}`, `{"kind": "file", "value": ""}`,
		`{"kind": "local", "value": "` + secret + `", "path": "` + secret + `"}`, `{"kind": "url", "value": "file://` + secret + `"}`, `{"kind": "url", "value": "/etc/passwd"}`,
		`{"kind": "pattern", "value": "ffmpeg -i /etc/passwd"}`, `{"kind": "shell", "value": "id"}`, `{`, ``,
	} {
		status, text := s.send(http.MethodPost, "api/calls", strings.NewReader(body), nil)
		require.GreaterOrEqual(t, status, 400, body)
		require.Less(t, status, 500, body)
		require.NotEmpty(t, text)
	}
	_, text := s.send(http.MethodGet, "api/sources", nil, nil)
	require.Contains(t, text, `"files":[]`)
	for _, path := range []string{"api/calls/1/pause", "api/calls/x/pause", "api/calls/-1/seek", "api/calls/1/nothing", "api/calls/1/listen"} {
		status, _ := s.send(http.MethodPost, path, strings.NewReader(`{}`), nil)
		require.Equal(t, http.StatusNotFound, status, path)
	}
}

func TestEventsSayWhatHappens(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"api/events", nil)
	require.NoError(t, err)
	answer, err := s.client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	status, text := s.send(http.MethodPost, "api/calls", strings.NewReader(`{"kind": "pattern", "value": "tone"}`), nil)
	require.Equal(t, http.StatusOK, status, text)
	lines := bufio.NewReader(answer.Body)
	for seen := ""; !strings.Contains(seen, "OnConnectionChange: connected") || !strings.Contains(seen, `"playing":true`); {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		seen += line
	}
	status, text = s.send(http.MethodPost, "api/calls/1/seek", strings.NewReader(`{"seconds": -5}`), nil)
	require.Equal(t, http.StatusUnprocessableEntity, status, text)
	status, _ = s.send(http.MethodDelete, "api/calls/1", nil, nil)
	require.Equal(t, http.StatusNoContent, status)
}
