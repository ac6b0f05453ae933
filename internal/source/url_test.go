package source_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// serve serves a handler until the test ends.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestURLPlaysAndEnds(t *testing.T) {
	t.Parallel()
	song := song(t)
	data, err := os.ReadFile(song)
	require.NoError(t, err)
	for name, serveSong := range map[string]http.HandlerFunc{
		"ranges": func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, song) },
		"no length": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(data)
		},
		"length, no ranges": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				serveSong(w, r)
			})
			requireContiguous(t, play(t, media.FromURL(url+"/my song.mp3?a=b", media.EncodeOptions{})), 1500*time.Millisecond)
			require.LessOrEqual(t, requests.Load(), int32(3), "a finished file is not fetched again")
		})
	}
}

func TestURLSurvivesABrokenConnection(t *testing.T) {
	t.Parallel()
	path := song(t)
	var requests atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Accept-Ranges", "bytes")
			data, _ := os.ReadFile(path)
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			_, _ = w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeFile(w, r, path)
	})
	requireContiguous(t, play(t, media.FromURL(url+"/x.mp3", media.EncodeOptions{})), 1500*time.Millisecond)
	require.Greater(t, requests.Load(), int32(1))
}

func TestServerThatIsLostIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(fixture(t, "ten.mp3", tone("10", "-b:a", "64k")...))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		listener.Close() // nobody answers the next try
		_, _ = conn.Read(make([]byte, 4096))
		_, err = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(data), data[:len(data)/2])
		conn.Close()
		served <- err
	}()
	frames, end := readAll(t, open(t, media.FromURL("http://"+listener.Addr().String()+"/?s3cret", media.EncodeOptions{})))
	require.NoError(t, <-served)
	require.Greater(t, len(frames), 100)
	require.ErrorIs(t, end, models.ErrFile)
	require.NotContains(t, end.Error(), "s3cret")
}

func TestURLPlaysAnHLSList(t *testing.T) {
	t.Parallel()
	segment := fixture(t, "plain.ts", tone("1")...)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a.ts" {
			http.ServeFile(w, r, segment)
			return
		}
		fmt.Fprint(w, lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "a.ts", "#EXT-X-ENDLIST"))
	})
	frames := play(t, media.FromURL(url+"/list.m3u8", media.EncodeOptions{}))
	require.InDelta(t, 50, len(frames), 3)
}

func TestURLErrorsArePrompt(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/text":
			fmt.Fprint(w, strings.Repeat("hello ", 100))
		case "/empty":
		default:
			http.NotFound(w, r)
		}
	})
	const nobody = "127.0.0.1:1" // a port that no test is given
	for _, test := range []struct{ name, url, words string }{
		{"404", url + "/nothing.mp3", "404 Not Found"},
		{"text", url + "/text", ""},
		{"empty", url + "/empty", ""},
		{"http refused", "http://" + nobody + "/x.mp3", "connection refused"},
		{"rtmp refused", "rtmp://" + nobody + "/app/key", "Connection refused"},
		{"rtsp refused", "rtsp://" + nobody + "/x", "Connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			err := openError(t, media.FromURL(test.url, media.EncodeOptions{}))
			require.ErrorIs(t, err, models.ErrFile)
			require.ErrorContains(t, err, test.words)
			require.Less(t, time.Since(begin), 20*time.Second, "less than it waits for what was lost")
		})
	}
}

func TestURLOfAnythingButTheNetworkIsRefused(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "file:///etc/passwd", "file:x", "/etc/passwd", "x.mp3", "concat:a|b", "subfile,,start,0,end,9,,:/etc/passwd",
		"cache:http://x/y", "async:http://x/y", "data:audio/mp3;base64,AAAA", "pipe:0", "-", "-i", "-http://x/y", "http:/x",
		"http:x", "http://", "http:///x", "http://:80/", "https://?q", "ftp://x/y", "gopher://x/y", "udp://239.0.0.1:1234", "rtp://127.0.0.1:5004",
		"tcp://127.0.0.1:1", "unix:///x", "crypto:http://x/y", "hls+http://x/y.m3u8", "http://x/\n-i", "http://x/\x00", "http://x/\x7f",
		"\nhttp://x/", " http://x/", "http,x=y://x/y", "tee:http://x/y", "//x/y", "srt://x:1?mode=listener", "srt://x:1?mode=rendezvous", "srt://x:1?mode=caller&mode=listener", "srt://x:1?adapter=eth0", "http://[::1", "http://x:port/", "lavfi", "ipfs://x",
	} {
		_, err := media.FromURL(url, media.EncodeOptions{}).Open(context.Background(), media.Env{Opener: source.Opener{}, FFmpegPath: "/nonexistent"})
		require.ErrorIs(t, err, models.ErrInvalidParams, "%q", url)
		require.NotErrorIs(t, err, models.ErrFFmpegSpawn, "%q", url)
	}
	for _, url := range []string{
		"http://127.0.0.1:1/y", "HTTPS://127.0.0.1:1/y", "http://[::1]:1/x", "http://127.0.0.1:1/a b", "rtmps://127.0.0.1:1/a", "rtsps://127.0.0.1:1/",
	} {
		err := openError(t, media.FromURL(url, media.EncodeOptions{}))
		require.ErrorIs(t, err, models.ErrFile, "%q", url)
		require.NotErrorIs(t, err, models.ErrInvalidParams, "%q", url)
	}
	for _, url := range []string{
		"rtmp://x/app/key", "rtsp://u:p@x/y", "srt://x:9000?mode=caller",
	} {
		_, err := media.FromURL(url, media.EncodeOptions{}).Open(context.Background(), media.Env{Opener: source.Opener{}, FFmpegPath: "/nonexistent"})
		require.ErrorIs(t, err, models.ErrFFmpegSpawn, "%q", url)
	}
}

func TestServerCannotMakeUsReadLocalFiles(t *testing.T) {
	t.Parallel()
	secret := fixture(t, "plain.ts", tone("1")...)
	list := func(segment string) string {
		return lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", segment, "#EXT-X-ENDLIST")
	}
	for name, content := range map[string]string{
		"/file.m3u8":     list("file://" + secret),
		"/short.m3u8":    list("file:" + secret),
		"/concat.m3u8":   list("concat:" + secret),
		"/subfile.m3u8":  list("subfile,,start,0,end,99999,,:" + secret),
		"/bare.m3u8":     list(secret), // on the server, where it is not found
		"/nested.m3u8":   lines("#EXTM3U", "#EXT-X-STREAM-INF:BANDWIDTH=1", "file://"+secret),
		"/key.m3u8":      lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", `#EXT-X-KEY:METHOD=AES-128,URI="file://`+secret+`"`, "#EXTINF:1,", "a.ts", "#EXT-X-ENDLIST"),
		"/x.ffconcat":    lines("ffconcat version 1.0", "file file://"+secret),
		"/bare.ffconcat": lines("ffconcat version 1.0", "file "+secret),
		"/x.mpd":         `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet contentType="audio"><Representation id="0" mimeType="audio/mp4" bandwidth="1"><BaseURL>file://` + secret + `</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"/x.sdp":         lines("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=x", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 5004 RTP/AVP 0"),
		"/redirect":      "",
		"/bareredirect":  "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/redirect":
					w.Header().Set("Location", "file://"+secret)
					w.WriteHeader(http.StatusFound)
				case "/bareredirect":
					w.Header().Set("Location", secret)
					w.WriteHeader(http.StatusFound)
				case name:
					fmt.Fprint(w, content)
				default:
					http.NotFound(w, r)
				}
			})
			require.ErrorIs(t, openError(t, media.FromURL(url+name, media.EncodeOptions{})), models.ErrFile)
		})
	}
}

// record is a log that may be written from any goroutine.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func TestSecretsOfAURLAreNotRepeated(t *testing.T) {
	t.Parallel()
	base := serve(t, http.NotFound)
	var log record
	e := media.Env{Opener: source.Opener{}, Logger: slog.New(slog.NewTextHandler(&log, nil)), LogStderr: true}
	for _, url := range []string{
		strings.Replace(base, "://", "://user:hunter2@", 1) + "/x.mp3?token=s3cret",
		"http://user:hunter2/x@host/?token=s3cret", "rtsp://user:hunter2/x@host/", "http://user:%zzhunter2@host/", "http://us er:hunter2@host/",
		"rtsp://user:hunter2@127.0.0.1:1/?token=s3cret", "rtmp://user:hunter2@127.0.0.1:1/a/b?token=s3cret",
		"rtmps://user:hunter2@127.0.0.1:1/a/b?token=s3cret", "srt://127.0.0.1:1?passphrase=s3cret-s3cret&streamid=s3cret&connect_timeout=100",
		"http://user:hunter2@/?token=s3cret",
		"http://user:hunter2@127.0.0.1:99999999/?token=s3cret",
		"http://user:hunter2@127.0.0.1:port/?token=s3cret\n",
	} {
		_, err := media.FromURL(url, media.EncodeOptions{}).Open(context.Background(), e)
		require.Error(t, err)
		var failure *models.FFmpegError
		text := err.Error()
		if errors.As(err, &failure) {
			text += failure.Stderr
		}
		require.NotContains(t, text, "hunter2")
		require.NotContains(t, text, "s3cret")
	}
	require.NotContains(t, log.String(), "hunter2")
	require.NotContains(t, log.String(), "s3cret")
}

// freeUDP returns an address that nobody listens at.
func freeUDP(t *testing.T) string {
	t.Helper()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer free.Close()
	return free.LocalAddr().String()
}

func TestSRTPlays(t *testing.T) {
	t.Parallel()
	address := freeUDP(t)
	input := fixture(t, "plain.ts", tone("1")...)
	// The far end is one of our own shell sources only in that it is run by
	// one: it waits for a caller and sends a file.
	server := startFFmpeg(t, "-re", "-stream_loop", "-1", "-i", input, "-c", "copy", "-f", "mpegts", "srt://"+address+"?mode=listener")
	defer server()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := media.FromURL("srt://"+address, media.EncodeOptions{}).Open(ctx, env())
	require.NoError(t, err)
	defer stream.Close()
	for range 5 {
		_, err := stream.ReadFrame()
		require.NoError(t, err)
	}
}

func TestCancelStopsAnOpenThatHangs(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 8)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	hang := script(t, "sleep 600")
	for name, source := range map[string]media.Source{
		"url":    media.FromURL(url, media.EncodeOptions{}),
		"shell":  media.FromShell(hang, media.TrackAudio),
		"shells": media.FromShells(hang, hang),
	} {
		ctx, cancel := context.WithCancel(context.Background())
		opened := make(chan error, 1)
		go func() {
			_, err := source.Open(ctx, env())
			opened <- err
		}()
		if name == "url" {
			<-asked
		}
		cancel()
		select {
		case err := <-opened:
			require.ErrorIs(t, err, context.Canceled, name)
		case <-time.After(time.Minute):
			t.Fatal("Open did not return", name)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("why"))
	_, err := media.FromFile(filepath.Join(fixtures.dir, "song.mp3"), media.EncodeOptions{}).Open(ctx, env())
	require.Error(t, err)
}
