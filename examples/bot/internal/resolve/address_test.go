package resolve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

var zeroTime time.Time

func readSeeker(s string) io.ReadSeeker { return strings.NewReader(s) }

func TestAddressesOfMediaArePlayedDirectly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	f.serve("/My%20Song.mp3", "audio/mpeg", "ID3....")
	f.serve("/index.m3u8", "application/vnd.apple.mpegurl", "#EXTM3U\n")
	f.serve("/list", "text/plain", "#EXTM3U\n")
	f.serve("/binary.flac", "application/octet-stream", "fLaC....")
	f.serve("/dash", "text/xml", `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">`)
	f.mux.HandleFunc("/whole", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = io.WriteString(w, "ID3")
	})
	f.mux.HandleFunc("/radio", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("icy-name", "Radio \u202eX")
		w.Header().Set("Content-Type", "audio/mpeg")
		for range 100 {
			_, _ = w.Write(make([]byte, 1024))
		}
	})
	f.mux.HandleFunc("/named", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../../The Name.ogg"`)
		w.Header().Set("Content-Type", "application/ogg")
		_, _ = io.WriteString(w, "OggS")
	})
	host := strings.TrimPrefix(f.url, "http://")
	host = host[:strings.LastIndexByte(host, ':')]
	for path, want := range map[string]track.Track{
		"/My%20Song.mp3": {Title: "My Song"},
		"/index.m3u8":    {Title: host},
		"/list":          {Title: "list"},
		"/binary.flac":   {Title: "binary"},
		"/dash":          {Title: "dash"},
		"/radio":         {Title: "Radio X", Live: true},
		"/named":         {Title: "The Name"},
		"/whole":         {Title: "whole"},
	} {
		tracks, err := f.ask(t, f.url+path)
		require.NoError(t, err, path)
		want.Origin.URL, want.Link = f.url+path, f.url+path
		want.By = track.User{ID: 7, Name: "Ann"}
		require.Equal(t, []track.Track{want}, tracks, path)
	}
}

func TestSHOUTcastIsMedia(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { // ends when the listener is closed
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "ICY 200 OK\r\nicy-name:x\r\n\r\n....")
			conn.Close()
		}
	}()
	defer func() { listener.Close(); <-done }()
	f.allowed.Add("http://" + listener.Addr().String())
	tracks, err := f.ask(t, "http://"+listener.Addr().String()+"/;")
	require.NoError(t, err)
	require.True(t, tracks[0].Live)
	require.NotEmpty(t, tracks[0].Origin.URL)
}

func TestAddressesOfOtherThings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	f.serve("/page", "text/html; charset=utf-8", "<!DOCTYPE html>")
	f.serve("/unsaid", "", "<!DOCTYPE html><html>")
	f.serve("/picture", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	f.serve("/hidden.mp3", "application/octet-stream", "\x89PNG\x0D\x0A\x1A\x0A")
	f.serve("/empty", "audio/mpeg", "")
	f.mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	f.mux.HandleFunc("/circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	f.mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(http.StatusFound)
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.allowed.Add("http://" + closed.Addr().String())
	closed.Close()
	for address, want := range map[string]string{
		f.url + "/page":                    wordsNoPages,
		f.url + "/unsaid":                  wordsNoPages,
		f.url + "/picture":                 "There is no music or video at that address.",
		f.url + "/hidden.mp3":              "There is no music or video at that address.",
		f.url + "/empty":                   wordsEmptyFile,
		f.url + "/nothing":                 "There is nothing at that address.",
		f.url + "/500":                     "The server answers 500 Internal Server Error.",
		f.url + "/circle":                  wordsRedirect,
		f.url + "/file":                    wordsRedirect,
		"http://" + closed.Addr().String(): wordsNoServer,
	} {
		_, err := f.ask(t, address)
		require.Equal(t, want, refusal(t, err), address)
	}
	_, err = f.ask(t, "some song")
	require.Equal(t, wordsNoSearch, refusal(t, err))
}

func TestServersThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{ask: 200 * time.Millisecond}, "")
	f.mux.HandleFunc("/hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f.mux.HandleFunc("/begins", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	f.mux.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	f.mux.HandleFunc("/talks", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 1000 {
			w.Header().Set("X-"+itoa(i), strings.Repeat("x", 1000))
		}
	})
	f.mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	for _, path := range []string{"/hangs", "/begins", "/talks", "/cut"} {
		_, err := f.ask(t, f.url+path+"?token=secret")
		require.Equal(t, wordsNoServer, refusal(t, err), path)
		require.NotContains(t, errors.Unwrap(err).Error(), "secret")
	}
	_, err := f.ask(t, f.url+"/drips")
	require.NoError(t, err, "a slow radio")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Resolve(ctx, track.Request{Words: f.url + "/hangs"})
	require.ErrorIs(t, err, context.Canceled)
}

// Nothing of this reaches a server, with and without yt-dlp.
func TestPrivateAddressesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"without yt-dlp": "", "with yt-dlp": `[ $mode = version ] || { echo "$target" >>"$here/ran"; exit 1; }`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			canary := guardtest.NewCanary(t)
			names := guardtest.Names(func(name string) []string {
				return map[string][]string{
					"ten.example":  {"10.0.0.1"},
					"loop.example": {"127.0.0.1"},
					"six.example":  {"::ffff:127.0.0.1", "::1"},
					"both.example": {"127.0.0.1", "169.254.169.254"},
				}[name]
			})
			f := newFixture(t, Config{Guard: guard.Guard{Resolver: names, Policy: guardtest.Allow().Policy}}, script)
			redirect := newFixture(t, Config{}, script)
			redirect.mux.HandleFunc("/canary", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, canary.URL, http.StatusFound) })
			redirect.mux.HandleFunc("/metadata", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
			})
			for f, addresses := range map[*fixture][]string{
				f: {
					canary.URL + "/", "http://[::ffff:7f00:1]:" + canary.Port + "/", "http://[::1]:" + canary.Port + "/", "http://localhost:" + canary.Port,
					"http://0.0.0.0:" + canary.Port, "http://[::]:" + canary.Port, "http://127.0.0.2:" + canary.Port + "/", "https://127.0.0.1:" + canary.Port + "/",
					"http://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[fe80::1%25lo]:" + canary.Port + "/", "http://[64:ff9b::7f00:1]/",
					"http://ten.example/", "http://loop.example:" + canary.Port + "/", "http://six.example:" + canary.Port + "/",
					"http://both.example:" + canary.Port + "/", "loop.example:" + canary.Port + "/x",
				},
				redirect: {redirect.url + "/canary", redirect.url + "/metadata"},
			} {
				for _, address := range addresses {
					_, err := f.ask(t, address)
					require.ErrorIs(t, err, gotgcall.ErrNotPublic, address)
					require.Equal(t, wordsPrivate, refusal(t, err), address)
				}
				if f.fake != nil {
					require.NoFileExists(t, f.fake.Dir()+"/ran")
				}
			}
		})
	}
}

func TestPortsThatAreNotForMediaAreRefused(t *testing.T) {
	t.Parallel()
	ports, err := guard.ParsePorts(guard.DefaultPorts)
	require.NoError(t, err)
	f := newFixture(t, Config{Guard: guard.Guard{Policy: guard.Policy(ports)}}, "")
	for _, address := range []string{"http://1.1.1.1:22/", "http://1.1.1.1:6379/", "https://[2606:4700::1111]:25/"} {
		_, err := f.ask(t, address)
		require.Equal(t, wordsPort, refusal(t, err), address)
	}
}

func TestPagesGoThroughYTDLP(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{MaxTracks: 3}, `[ $mode = version ] || case "$target" in
	*/page) printf '%s\n' '{"_type":"video","webpage_url":"https://site.example/v","title":"A\u202e\nB","uploader":"C","duration":61}' ;;
	*/blocked) echo '{"_type":"video","webpage_url":"https://site.example/w","title":"W"}' ;;
	*/long) echo '{"_type":"video","webpage_url":"https://site.example/v","duration":99999}' ;;
	*/live) echo '{"_type":"video","webpage_url":"https://site.example/v","is_live":true}' ;;
	*/private) echo '{"_type":"video","webpage_url":"http://user:word@127.0.0.1/v"}' ;;
	*/list) echo '{"_type":"playlist","entries":[{"_type":"url","url":"https://site.example/1"},{"_type":"url","url":"https://site.example/2","duration":99999},{"_type":"url","url":"https://site.example/3"}]}' ;;
	ytsearch1:*) echo '{"_type":"playlist","entries":[{"_type":"url","url":"https://site.example/found","title":"F"}]}' ;;
	esac`)
	for _, path := range []string{"/page", "/long", "/live", "/private", "/list"} {
		f.serve(path, "text/html", "<html>")
	}
	f.mux.HandleFunc("/blocked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	tracks, err := f.ask(t, f.url+"/page")
	require.NoError(t, err)
	require.Equal(t, []track.Track{{
		Title: "A B", Artist: "C", Length: 61 * time.Second, Link: "https://site.example/v",
		By: track.User{ID: 7, Name: "Ann"}, Origin: track.Origin{Page: "https://site.example/v"},
	}}, tracks)
	tracks, err = f.ask(t, f.url+"/blocked")
	require.NoError(t, err)
	require.Equal(t, "W", tracks[0].Title)
	tracks, err = f.ask(t, f.url+"/list")
	require.NoError(t, err)
	require.Len(t, tracks, 2, "one is too long")
	require.Equal(t, "site.example", tracks[0].Title)
	tracks, err = f.ask(t, "--no; $(touch /tmp/x)"[2:])
	require.NoError(t, err)
	require.Equal(t, "F", tracks[0].Title)
	for _, path := range []string{"/long", "/live", "/private"} {
		_, err = f.ask(t, f.url+path)
		refusal(t, err)
	}
	_, err = f.Resolve(t.Context(), track.Request{Words: f.url + "/list", Max: 2})
	require.NoError(t, err)
	calls := f.fake.Calls(t)
	require.Contains(t, calls[len(calls)-1], "1:2")
}

func TestWordsAboutYTDLP(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, `[ $mode = version ] || { cat "$here/words" >&2; exit 1; }`)
	for said, want := range map[string]string{
		"ERROR: [youtube] x: Sign in to confirm you're not a bot": "cookies",
		"ERROR: Unsupported URL: http://x/":                       "nothing to play",
		"ERROR: [youtube] abc: Video unavailable":                 "The site says: abc: Video unavailable",
		"ERROR: [x] Failed to open http://10.0.0.1/secret":        "The site says: Failed to open",
	} {
		f.fake.Do(t, "cat <<'END' >&2\n"+said+"\nEND\nexit 1")
		_, err := f.ask(t, "a song")
		require.Contains(t, refusal(t, err), want)
		require.NotContains(t, refusal(t, err), "10.0.0.1")
	}
	f.fake.Do(t, "head -c 100000000 /dev/zero")
	_, err := f.ask(t, "a song")
	refusal(t, err)

	old := newFixture(t, Config{}, "version=2023.03.04")
	_, err = old.ask(t, "a song")
	require.Contains(t, refusal(t, err), ytdlp.MinVersion)
	require.Contains(t, refusal(t, err), "2023.03.04")
}
