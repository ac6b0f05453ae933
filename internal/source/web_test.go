package source_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// songs are twelve seconds in containers that end in different ways.
func songs(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for name, path := range map[string]string{
		"mp3": tones(t, "cbr.mp3", "-b:a", "128k"), "ogg": tones(t, "a.ogg"), "wav": tones(t, "a.wav"), "ts": tones(t, "a.ts", "-c:a", "aac"),
	} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[name] = data
	}
	return files
}

// briefly opens a source that gives up what was lost after eight seconds, in which
// the busiest machine starts an ffmpeg.
func briefly(t *testing.T, s media.Source) media.Stream {
	t.Helper()
	e := env()
	e.StallTimeout = 10 * time.Second
	stream, err := s.Open(t.Context(), e)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

func TestFileInEveryShapePlaysWholeAndEnds(t *testing.T) {
	t.Parallel()
	for kind, file := range songs(t) {
		for name, answer := range map[string]func(n int, q *http.Request) webtest.Answer{
			"HTTP/1.0 without a length": func(int, *http.Request) webtest.Answer {
				return webtest.Answer{Status: "HTTP/1.0 200 OK", Body: file, Framing: webtest.Closing}
			},
			"until the connection closes": func(int, *http.Request) webtest.Answer {
				return webtest.Answer{Body: file, Framing: webtest.Closing}
			},
			"until the connection closes, ranges promised": func(int, *http.Request) webtest.Answer {
				return webtest.Answer{Header: []string{"Accept-Ranges: bytes"}, Body: file, Framing: webtest.Closing}
			},
			"chunked": func(int, *http.Request) webtest.Answer {
				return webtest.Answer{Body: file, Framing: webtest.Chunked}
			},
			"a length and no ranges": func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: file} },
			"ranges":                 func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) },
			"a connection that stays open": func(_ int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Hang = true
				return a
			},
			"slow": func(_ int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Pace = len(file) / 20
				return a
			},
			"redirects": func(n int, q *http.Request) webtest.Answer {
				if n < 9 {
					return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{fmt.Sprintf("Location: /%d?k=%d", n, n)}}
				}
				return webtest.Part(q, file)
			},
			"pieces": func(_ int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Body = a.Body[:min(len(a.Body), len(file)/3+1)]
				return a
			},
		} {
			if kind != "mp3" && strings.Contains("slow redirects pieces a connection that stays open", name) {
				continue // nothing in them is the container's
			}
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				server := webtest.Start(t, answer)
				frames, end := readAll(t, open(t, media.FromURL(server.URL+"/song?token=s3cret", media.EncodeOptions{})))
				require.Equal(t, io.EOF, end)
				requireContiguous(t, frames, 12*time.Second)
				requireTones(t, frames, 0, 12*time.Second)
				require.Less(t, len(server.Requests()), 16, "a finished file is not fetched again")
			})
		}
	}
}

func TestCutFileGoesOnAtTheByte(t *testing.T) {
	t.Parallel()
	for kind, file := range songs(t) {
		for _, at := range []int{1, 700, len(file) / 2, len(file) - 1} {
			for _, reset := range []bool{false, true} {
				if reset && kind != "mp3" {
					continue
				}
				t.Run(fmt.Sprintf("%s at %d, reset %t", kind, at, reset), func(t *testing.T) {
					t.Parallel()
					server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
						switch a := webtest.Part(q, file); n {
						case 0:
							a.Cut, a.Reset = at, reset
							return a
						case 1:
							return webtest.Answer{Drop: true}
						case 2:
							return webtest.Answer{Status: "HTTP/1.1 503 Busy"}
						default:
							return a
						}
					})
					stream := open(t, media.FromURL(server.URL, media.EncodeOptions{}))
					frames, end := readAll(t, stream)
					require.Equal(t, io.EOF, end)
					requireTones(t, frames, 0, 12*time.Second)
					require.Positive(t, stream.(interface{ Restarts() uint64 }).Restarts())
				})
			}
		}
	}
}

func TestFileThatIsLostIsAnErrorWithTheReason(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	half := len(file) / 2
	cut := func(q *http.Request, more ...string) webtest.Answer {
		a := webtest.Part(q, file)
		a.Header, a.Cut = append(a.Header, more...), half
		return a
	}
	for name, test := range map[string]struct {
		first func(q *http.Request) webtest.Answer
		again func(q *http.Request) webtest.Answer
		words string
	}{
		"no ranges": {first: func(*http.Request) webtest.Answer { return webtest.Answer{Body: file, Cut: half} }, words: "hung up"},
		"chunked": {first: func(*http.Request) webtest.Answer {
			return webtest.Answer{Body: file, Cut: half, Framing: webtest.Chunked}
		}, words: "hung up"},
		"without a length, reset": {
			first: func(*http.Request) webtest.Answer {
				return webtest.Answer{Body: file, Cut: half, Framing: webtest.Closing, Reset: true}
			}, words: "reset",
		},
		"silent, no ranges": {first: func(*http.Request) webtest.Answer { return webtest.Answer{Body: file, Cut: half, Hang: true} }, words: "silent"},
		"forbidden":         {again: func(*http.Request) webtest.Answer { return webtest.Answer{Status: "HTTP/1.1 403 Forbidden"} }, words: "403 Forbidden"},
		"not found":         {again: func(*http.Request) webtest.Answer { return webtest.Answer{Status: "HTTP/1.1 404 Gone Fishing"} }, words: "404 Gone Fishing"},
		"unavailable":       {again: func(*http.Request) webtest.Answer { return webtest.Answer{Status: "HTTP/1.1 503 Later"} }, words: "503 Later"},
		"hanging":           {again: func(*http.Request) webtest.Answer { return webtest.Answer{Cut: 1, Body: file, Hang: true, Pace: 1} }, words: ""},
		"hanging up":        {again: func(*http.Request) webtest.Answer { return webtest.Answer{Drop: true} }, words: "hung up"},
		"from the start":    {again: func(*http.Request) webtest.Answer { return webtest.Answer{Body: file} }, words: "rest of the file"},
		"another length":    {again: func(q *http.Request) webtest.Answer { return webtest.Part(q, file[:len(file)-1]) }, words: "changed"},
		"another file": {
			first: func(q *http.Request) webtest.Answer { return cut(q, `ETag: "one"`) },
			again: func(q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Header = append(a.Header, `ETag: "two"`)
				return a
			}, words: "changed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.first == nil {
				test.first = func(q *http.Request) webtest.Answer { return cut(q) }
			}
			server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
				if n == 0 {
					return test.first(q)
				}
				return test.again(q)
			})
			frames, end := readAll(t, briefly(t, media.FromURL(server.URL+"/x?s3cret", media.EncodeOptions{})))
			require.ErrorIs(t, end, models.ErrFile)
			require.NotErrorIs(t, end, io.EOF)
			require.ErrorContains(t, end, test.words)
			require.NotContains(t, end.Error(), "s3cret")
			require.Greater(t, len(frames), 280)
			require.Less(t, len(frames), 310, "it never starts again from its first byte")
		})
	}
}

func TestCertificateOfNobodyIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	server := webtest.StartTLS(t, func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) })
	source := media.FromURL(server.URL+"/x.mp3", media.EncodeOptions{})
	err := openError(t, source)
	require.ErrorIs(t, err, models.ErrFile)
	require.ErrorContains(t, err, "certificate")
	e := env()
	e.InsecureTLS = true
	stream, err := source.Open(t.Context(), e)
	require.NoError(t, err)
	defer stream.Close()
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	requireTones(t, frames, 0, 12*time.Second)
}

func TestLongURLKeepsItsSecretsAndItsReasons(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	for _, length := range []int{1 << 10, 2 << 10, 8 << 10} {
		secret := strings.Repeat("s3cret", length/6)
		for name, test := range map[string]struct {
			answer func(n int, q *http.Request) webtest.Answer
			words  string
		}{
			"forbidden": {func(int, *http.Request) webtest.Answer { return webtest.Answer{Status: "HTTP/1.1 403 Forbidden"} }, "403 Forbidden"},
			"an echo": {
				func(_ int, q *http.Request) webtest.Answer {
					return webtest.Answer{Status: "HTTP/1.1 404 no " + q.URL.RawQuery}
				}, "404 Not Found",
			},
			"redirected": {
				func(n int, q *http.Request) webtest.Answer {
					if n == 0 {
						return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Location: /" + secret}}
					}
					return webtest.Answer{Status: "HTTP/1.1 403 Forbidden"}
				}, "403 Forbidden",
			},
			"redirected to nowhere": {
				func(int, *http.Request) webtest.Answer {
					return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Location: http://a:" + secret + "/%zz"}}
				}, "malformed",
			},
			"redirected to a file": {
				func(int, *http.Request) webtest.Answer {
					return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Location: file:///" + secret}}
				}, "redirect",
			},
			"lost": {
				func(_ int, q *http.Request) webtest.Answer {
					if q.Header.Get("Range") == "bytes=0-" {
						a := webtest.Part(q, file)
						a.Cut = len(file) / 2
						return a
					}
					return webtest.Answer{Status: "HTTP/1.1 410 Gone"}
				}, "410 Gone",
			},
		} {
			t.Run(fmt.Sprint(length, ", ", name), func(t *testing.T) {
				t.Parallel()
				server := webtest.Start(t, test.answer)
				var log record
				e := env()
				e.Logger, e.LogStderr = newLogger(&log), true
				address := strings.Replace(server.URL, "://", "://me:hunter2@", 1) + "/a.mp3?" + secret
				stream, err := media.FromURL(address, media.EncodeOptions{}).Open(t.Context(), e)
				if err == nil {
					_, err = readAll(t, stream)
					stream.Close()
				}
				require.ErrorIs(t, err, models.ErrFile)
				require.ErrorContains(t, err, test.words)
				for _, s := range []string{"s3cret", "hunter2"} {
					require.NotContains(t, err.Error(), s)
					require.NotContains(t, log.String(), s)
				}
			})
		}
	}
}

func TestFileWithItsIndexAtItsEndNeedsRanges(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(film(t))
	require.NoError(t, err)
	var log record
	e := env()
	e.Logger, e.LogStderr = newLogger(&log), true
	server := webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: file} })
	_, err = media.FromURL(server.URL+"/film.mp4", media.EncodeOptions{}).Open(t.Context(), e)
	require.ErrorIs(t, err, models.ErrFile)
	require.NotEmpty(t, log.String())
	require.NotRegexp(t, `/[0-9a-f]{32}/`, log.String(), "the loopback address is nobody's business")
}
