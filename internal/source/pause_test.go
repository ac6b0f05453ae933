package source_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// hangsUp serves the first half of a file and hangs up when it is told to; then
// again serves what the client asks for. Each further request is announced.
func hangsUp(t *testing.T, path string, again http.HandlerFunc) (url string, hangUp func(), more <-chan string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	sent, leave, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	requests := make(chan string, 100)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-first:
		default:
			requests <- r.Header.Get("Range")
			again(w, r)
			return
		}
		defer close(gone)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Header().Set("Accept-Ranges", "bytes")
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		close(sent)
		<-leave
		panic(http.ErrAbortHandler)
	})
	return url, func() { <-sent; close(leave); <-gone }, requests
}

func TestPausedReaderMissesNothingWhenTheServerHangsUp(t *testing.T) {
	t.Parallel()
	for _, path := range []string{tones(t, "cbr.mp3", "-b:a", "128k"), tones(t, "a.wav"), tones(t, "a.flac")} {
		t.Run(path[strings.LastIndexByte(path, '-')+1:], func(t *testing.T) {
			t.Parallel()
			url, hangUp, more := hangsUp(t, path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
			stream := open(t, media.FromURL(url+"/x", media.EncodeOptions{}))
			f, err := stream.ReadFrame()
			require.NoError(t, err)
			f.Data = append([]byte(nil), f.Data...)
			// Nobody reads while the server hangs up.
			hangUp()
			rest, end := readAll(t, stream)
			require.Equal(t, io.EOF, end)
			frames := append([]media.Frame{f}, rest...)
			requireContiguous(t, frames, 12*time.Second)
			requireTones(t, frames, 0, 12*time.Second)
			from, err := strconv.Atoi(strings.Trim(<-more, "bytes=-"))
			require.NoError(t, err)
			require.Positive(t, from, "it goes on where it was")
		})
	}
}

func TestFileThatIsGoneAfterAPauseIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	path := tones(t, "cbr.mp3", "-b:a", "128k")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, again := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"from the start": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		},
		"unavailable": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "later", http.StatusServiceUnavailable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, hangUp, _ := hangsUp(t, path, again)
			stream := open(t, media.FromURL(url+"/x", media.EncodeOptions{}))
			hangUp()
			frames, end := readAll(t, stream)
			require.Greater(t, len(frames), 200)
			require.NotErrorIs(t, end, io.EOF)
			require.ErrorIs(t, end, models.ErrFile)
		})
	}
}

func TestServerThatHangsIsLeftInTime(t *testing.T) {
	// It counts open files, which parallel tests have too.
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	require.NoError(t, err)
	defer silent.Close()
	headers := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ranges := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-999999/1000000")
		w.WriteHeader(http.StatusPartialContent)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for _, test := range []struct {
		name, url string
		position  time.Duration
	}{
		{"silence", "http://" + silent.Addr().String() + "/x.mp3", 0},
		{"silence, at a position", "http://" + silent.Addr().String() + "/x.mp3", time.Second},
		{"headers and nothing", headers, 0},
		{"headers and nothing, at a position", ranges, time.Second},
	} {
		for _, s := range []media.Source{
			media.FromURL(test.url, media.EncodeOptions{}),
			media.FromShell("ffmpeg -i "+test.url, media.TrackAudio),
		} {
			before := openFiles(t)
			ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
			begin := time.Now()
			_, err := s.(media.SeekableSource).OpenAt(ctx, env(), test.position)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded, test.name)
			require.Less(t, time.Since(begin), 30*time.Second, test.name)
			require.NoError(t, childless())
			// The test's own server closes its end a little later.
			require.Eventually(t, func() bool { return openFiles(t) <= before }, time.Minute, 5*time.Millisecond, test.name)
		}
	}
}

func TestSourceThatEndsInTheMiddleOfItsHeader(t *testing.T) {
	t.Parallel()
	for _, path := range []string{film(t), tones(t, "a.flac"), tones(t, "a.ogg"), tones(t, "a.wav"), tones(t, "a.mka")} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, length := range []int{3, 30} {
			stump := data[:length]
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.ServeContent(w, r, "x", time.Time{}, strings.NewReader(string(stump)))
			})
			for _, s := range []media.Source{
				media.FromFile(write(t, "stump", string(stump)), media.EncodeOptions{}),
				media.FromURL(url, media.EncodeOptions{}),
			} {
				require.ErrorIs(t, openError(t, s), models.ErrFile, path)
				err := openAtError(t, s, time.Second)
				require.ErrorIs(t, err, models.ErrFile, path)
			}
		}
	}
	for name, header := range map[string]string{
		"ogg": "OggS\x00\x02\x00", "ivf": "DKIF\x00\x00", "matroska": "\x1A\x45\xDF\xA3\x9F", "nothing": "",
	} {
		err := openError(t, media.FromShell("cat "+write(t, name, header), media.TrackAudio))
		require.ErrorIs(t, err, models.ErrFile, name)
	}
}
