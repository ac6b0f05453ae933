package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

// content is what no chance repeats.
func content(n int) []byte {
	b := make([]byte, n)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(b)
	return b
}

func newClient(t *testing.T, cfg fetch.Config) *fetch.Client {
	t.Helper()
	c := fetch.New(cfg)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// get asks as ffmpeg does, from a byte on.
func get(t *testing.T, address, ranges string) (status int, body []byte, err error) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	if ranges != "" {
		q.Header.Set("Range", ranges)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(q)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func TestResourceIsWhatTheServerSays(t *testing.T) {
	t.Parallel()
	audio := content(2000)
	for name, test := range map[string]struct {
		answer webtest.Answer
		path   string
		kind   fetch.Kind
		ranges bool
		size   int64
	}{
		"a length":          {answer: webtest.Answer{Body: audio}, size: 2000},
		"ranges promised":   {answer: webtest.Answer{Body: audio, Header: []string{"Accept-Ranges: bytes"}}, ranges: true, size: 2000},
		"no length":         {answer: webtest.Answer{Body: audio, Framing: webtest.Closing}, size: -1},
		"chunked":           {answer: webtest.Answer{Body: audio, Framing: webtest.Chunked, Header: []string{"Content-Type: audio/mpeg"}}, size: -1},
		"SHOUTcast":         {answer: webtest.Answer{Status: "ICY 200 OK", Body: audio, Framing: webtest.Closing}, kind: fetch.Live, size: -1},
		"Icecast":           {answer: webtest.Answer{Status: "HTTP/1.0 200 OK", Header: []string{"Server: Icecast 2.4"}, Body: audio, Framing: webtest.Closing}, kind: fetch.Live, size: -1},
		"icy headers":       {answer: webtest.Answer{Header: []string{"icy-br:128"}, Body: audio, Framing: webtest.Chunked}, kind: fetch.Live, size: -1},
		"a file of a radio": {answer: webtest.Answer{Header: []string{"icy-br:128"}, Body: audio}, size: 2000},
		"HLS by content":    {answer: webtest.Answer{Body: []byte("#EXTM3U\n#EXTINF:1,\na\n")}, kind: fetch.Playlist, size: 21},
		"HLS by type":       {answer: webtest.Answer{Header: []string{"Content-Type: Application/X-MPEGURL; charset=utf-8"}, Body: []byte("\n")}, kind: fetch.Playlist, size: 1},
		"DASH":              {answer: webtest.Answer{Body: []byte("\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- x --><MPD>")}, kind: fetch.Playlist, size: 40},
		"pls":               {answer: webtest.Answer{Body: []byte("[Playlist]\nFile1=x\n")}, kind: fetch.Playlist, size: 19},
		"m3u by name":       {answer: webtest.Answer{Body: []byte("http://x/y\n")}, path: "/a.M3U", kind: fetch.Playlist, size: 11},
		"mp3 called m3u":    {answer: webtest.Answer{Body: audio}, path: "/a.m3u", size: 2000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(int, *http.Request) webtest.Answer { return test.answer })
			c := newClient(t, fetch.Config{})
			r, err := c.Open(t.Context(), server.URL+test.path)
			require.NoError(t, err)
			require.Equal(t, test.kind, r.Kind)
			require.Equal(t, test.ranges, r.Ranges)
			require.Equal(t, test.size, r.Size)
			address, err := c.Serve(r)
			require.NoError(t, err)
			_, body, err := get(t, address, "")
			require.Equal(t, test.kind == fetch.Live, err != nil, "a live stream has no end, only a loss")
			require.Equal(t, test.answer.Body, body, "nothing is lost to the look at it")
		})
	}
}

func TestPackedAnswerIsUnpacked(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte("#EXTM3U\n"))
	require.NoError(t, w.Close())
	server := webtest.Start(t, func(_ int, q *http.Request) webtest.Answer {
		a := webtest.Part(q, packed.Bytes())
		a.Header = append(a.Header, "Content-Encoding: gzip")
		return a
	})
	r, err := newClient(t, fetch.Config{}).Open(t.Context(), server.URL)
	require.NoError(t, err)
	require.Equal(t, fetch.Playlist, r.Kind)
	require.False(t, r.Ranges)
	text, err := r.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, "#EXTM3U\n", string(text))
}

func TestRangesComeFromTheServersRanges(t *testing.T) {
	t.Parallel()
	file := content(300_000)
	server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
		a := webtest.Part(q, file)
		if n%2 == 0 {
			a.Cut = 1 + n*10_000 // and again, and again
		}
		return a
	})
	c := newClient(t, fetch.Config{})
	r, err := c.Open(t.Context(), server.URL)
	require.NoError(t, err)
	address, err := c.Serve(r)
	require.NoError(t, err)
	for _, from := range []int{0, 1, 150_000, 299_999, 0} {
		status, body, err := get(t, address, fmt.Sprintf("bytes=%d-", from))
		require.NoError(t, err)
		require.Equal(t, http.StatusPartialContent, status)
		require.True(t, bytes.Equal(file[from:], body), "from %d", from)
	}
	status, _, err := get(t, address, "bytes=300000-")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, status)
	require.NoError(t, r.Err())
}

func TestPartOfAResource(t *testing.T) {
	t.Parallel()
	file := content(50_000)
	for name, server := range map[string]*webtest.Server{
		"ranges": webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
			a := webtest.Part(q, file)
			if n == 0 {
				a.Cut = 700
			}
			return a
		}),
		"no ranges": webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: file} }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, fetch.Config{})
			r, err := c.OpenPart(t.Context(), server.URL, 1000, 2000)
			require.NoError(t, err)
			require.EqualValues(t, 2000, r.Size)
			address, err := c.Serve(r)
			require.NoError(t, err)
			_, body, err := get(t, address, "")
			require.NoError(t, err)
			require.True(t, bytes.Equal(file[1000:3000], body))
			require.NoError(t, r.Err())
		})
	}
}

func TestServerAnswersOnlyWhoWasToldTheAddress(t *testing.T) {
	t.Parallel()
	server := webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: []byte("media")} })
	c := newClient(t, fetch.Config{})
	r, err := c.Open(t.Context(), server.URL+"/a.mp3?s3cret")
	require.NoError(t, err)
	address, err := c.Serve(r)
	require.NoError(t, err)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/[0-9a-f]{32}/0\.mp3$`, address)
	base, _, _ := strings.Cut(strings.TrimPrefix(address, "http://"), "/")
	for _, path := range []string{"/", "/0.mp3", "//0.mp3", "/" + strings.Repeat("0", 32) + "/0.mp3", "/%2e%2e/0"} {
		status, _, err := get(t, "http://"+base+path, "")
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	for _, path := range []string{"1", "99999999999999999999", "-1", "x"} {
		status, _, err := get(t, strings.Replace(address, "0.mp3", path, 1), "")
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	response, err := http.Post(address, "", nil)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	_, body, err := get(t, address, "")
	require.NoError(t, err)
	require.Equal(t, "media", string(body))
	http.DefaultClient.CloseIdleConnections()
}

func TestCloseEndsWhateverIsUnderWay(t *testing.T) {
	t.Parallel()
	file := content(100_000)
	for name, answer := range map[string]func(n int, q *http.Request) webtest.Answer{
		"an open": func(int, *http.Request) webtest.Answer { return webtest.Answer{Cut: 1, Hang: true} },
		"a body": func(_ int, q *http.Request) webtest.Answer {
			a := webtest.Part(q, file)
			a.Cut, a.Hang = 10, true
			return a
		},
		"a live stream": func(int, *http.Request) webtest.Answer {
			return webtest.Answer{Status: "ICY 200 OK", Framing: webtest.Closing, Hang: true}
		},
		"tries": func(n int, q *http.Request) webtest.Answer {
			a := webtest.Part(q, file)
			a.Cut, a.Drop = 10, n > 0
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 100)
			server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
				asked <- struct{}{}
				return answer(n, q)
			})
			c := fetch.New(fetch.Config{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				r, err := c.Open(t.Context(), server.URL)
				if err != nil {
					return
				}
				if address, err := c.Serve(r); err == nil {
					if response, err := http.Get(address); err == nil { // one connection, closed by its server
						_, _ = io.Copy(io.Discard, response.Body)
						response.Body.Close()
					}
				}
			}()
			<-asked
			require.NoError(t, c.Close())
			require.NoError(t, c.Close())
			<-ended
			require.Eventually(t, func() bool { return server.Open() == 0 }, 5*time.Second, 5*time.Millisecond)
		})
	}
}

func TestRedirectsAreBoundedAndSeen(t *testing.T) {
	t.Parallel()
	loop := webtest.Start(t, func(int, *http.Request) webtest.Answer {
		return webtest.Answer{Status: "HTTP/1.1 301 Moved Permanently", Header: []string{"Location: /again?s3cret"}}
	})
	_, err := newClient(t, fetch.Config{}).Open(t.Context(), loop.URL)
	require.ErrorContains(t, err, "10 redirects")
	require.NotContains(t, err.Error(), "s3cret")
	require.Len(t, loop.Requests(), 11)
}

func TestUserCookiesAndRefusalsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	second := webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: []byte("x")} })
	first := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		switch n {
		case 0:
			return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Set-Cookie: a=b", "Location: /again"}}
		default:
			return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Location: " + second.URL}}
		}
	})
	_, err := newClient(t, fetch.Config{}).Open(t.Context(), strings.Replace(first.URL, "//", "//me:pa%2Fss@", 1))
	require.NoError(t, err)
	for i, q := range first.Requests() {
		name, password, ok := q.BasicAuth()
		require.True(t, ok)
		require.Equal(t, []string{"me", "pa/ss"}, []string{name, password})
		require.Len(t, q.Cookies(), i)
	}
	_, _, ok := second.Requests()[0].BasicAuth()
	require.False(t, ok, "another host")

	nobody := webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Drop: true} })
	_, err = newClient(t, fetch.Config{}).Open(t.Context(), nobody.URL)
	require.ErrorContains(t, err, "hung up")
	require.NotErrorIs(t, err, io.EOF)

	refusal := errors.New("no")
	c := newClient(t, fetch.Config{Policy: func(context.Context, string, netip.AddrPort) error { return refusal }})
	_, err = c.Open(t.Context(), first.URL)
	require.ErrorIs(t, err, refusal)
	require.ErrorIs(t, c.Retry(t.Context(), func(ctx context.Context) error { _, err := c.Open(ctx, first.URL); return err }), refusal)
}
