package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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

// liveServer serves a live list of segments of a second: each request for it finds
// one more.
type liveServer struct {
	segment string
	ends    int // the list has an end when it has so many; 0 means never
	fail    func(poll int, w http.ResponseWriter) bool
	missing int // a segment that does not exist, if not 0

	polls atomic.Int32
}

func (s *liveServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, ".ts") {
		if s.missing > 0 && strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d.ts", s.missing)) {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, s.segment)
		return
	}
	poll := int(s.polls.Add(1))
	if s.fail != nil && s.fail(poll, w) {
		return
	}
	last := poll + 2
	if s.ends > 0 {
		last = min(last, s.ends)
	}
	list := []string{"#EXTM3U", "#EXT-X-TARGETDURATION:1", fmt.Sprintf("#EXT-X-MEDIA-SEQUENCE:%d", max(last-3, 0))}
	for i := max(last-3, 0); i < last; i++ {
		list = append(list, "#EXT-X-DISCONTINUITY", "#EXTINF:1,", fmt.Sprintf("%d.ts?token=s3cret", i))
	}
	if last == s.ends {
		list = append(list, "#EXT-X-ENDLIST")
	}
	fmt.Fprint(w, lines(list...))
}

func liveList(t *testing.T, s *liveServer) media.Source {
	s.segment = fixture(t, "second.ts", tone("1", "-c:a", "aac")...)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return media.FromURL(server.URL+"/live.m3u8?token=s3cret", media.EncodeOptions{})
}

func status(code int) func(int, http.ResponseWriter) bool {
	return func(poll int, w http.ResponseWriter) bool {
		if poll < 4 {
			return false
		}
		http.Error(w, http.StatusText(code), code)
		return true
	}
}

func hangUp(poll int, w http.ResponseWriter) bool {
	if poll < 4 {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
	return true
}

func TestLiveListWhoseServerIsLostIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail  func(int, http.ResponseWriter) bool
		words string
	}{
		"not found":   {status(http.StatusNotFound), "404 Not Found"},
		"unavailable": {status(http.StatusServiceUnavailable), "503 Service Unavailable"},
		"hangs up":    {hangUp, "hung up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := env()
			e.StallTimeout = 10 * time.Second
			stream, err := liveList(t, &liveServer{fail: test.fail}).Open(t.Context(), e)
			require.NoError(t, err)
			defer stream.Close()
			frames, end := readAll(t, stream)
			require.Greater(t, len(frames), 100)
			require.ErrorIs(t, end, models.ErrFile)
			require.ErrorContains(t, end, test.words)
			require.NotContains(t, end.Error(), "s3cret")
		})
	}
}

func TestLiveListOutlastsAServerThatIsAwayAndEnds(t *testing.T) {
	t.Parallel()
	var once sync.Once
	var away time.Time
	server := &liveServer{ends: 9, fail: func(poll int, w http.ResponseWriter) bool {
		if poll < 4 {
			return false
		}
		once.Do(func() { away = time.Now() })
		if time.Since(away) > 2*time.Second {
			return false
		}
		http.NotFound(w, nil)
		return true
	}}
	frames := play(t, liveList(t, server))
	require.Greater(t, len(frames), 300)
}

func TestLiveListGoesOnWithoutASegment(t *testing.T) {
	t.Parallel()
	frames := play(t, liveList(t, &liveServer{ends: 9, missing: 5}))
	require.Greater(t, len(frames), 250)
}

func TestMissingSegmentOfAListThatHasAnEndIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	segment := fixture(t, "second.ts", tone("1", "-c:a", "aac")...)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list.m3u8":
			list := []string{"#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXT-X-MEDIA-SEQUENCE:7"}
			for i := range 10_000 {
				list = append(list, "#EXTINF:1,", fmt.Sprintf("%d.ts?token=s3cret", i))
			}
			fmt.Fprint(w, lines(append(list, "#EXT-X-ENDLIST")...))
		case "/4.ts":
			http.Error(w, "x", http.StatusForbidden)
		default:
			http.ServeFile(w, r, segment)
		}
	})
	var log record
	e := media.Env{Opener: source.Opener{}, FFmpegPath: "ffmpeg", Logger: newLogger(&log), LogStderr: true}
	stream, err := media.FromURL(url+"/list.m3u8?token=s3cret", media.EncodeOptions{}).Open(t.Context(), e)
	require.NoError(t, err)
	defer stream.Close()
	frames, end := readAll(t, stream)
	for line := range strings.SplitSeq(log.String(), "\n") {
		require.NotRegexp(t, `[0-9a-f]{32}`, line, "the loopback server's token")
	}
	require.InDelta(t, 200, len(frames), 15)
	require.ErrorIs(t, end, models.ErrFile)
	require.ErrorContains(t, end, "segment 11")
	require.ErrorContains(t, end, "403 Forbidden")
	require.NotContains(t, end.Error(), "s3cret")
}

func TestSegmentThatIsCutOffIsFetchedAgain(t *testing.T) {
	t.Parallel()
	plain := segmented(t, "hls-ts", hlsOf(programme(t)))
	var cut sync.Map
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		// No ranges: what has come is thrown away.
		r.Header.Del("Range")
		if _, again := cut.LoadOrStore(r.URL.Path, true); !again && strings.HasSuffix(r.URL.Path, ".ts") {
			w = &halfWriter{ResponseWriter: w, left: 20_000}
		}
		w.Header().Set("Accept-Ranges", "none")
		http.FileServer(http.Dir(plain)).ServeHTTP(noRanges{w}, r)
	})
	requireTones(t, play(t, media.FromURL(url+"/list.m3u8", media.EncodeOptions{})), 0, programmeLength)
}

// halfWriter breaks the connection after some bytes.
type halfWriter struct {
	http.ResponseWriter
	left int
}

func (w *halfWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		panic(http.ErrAbortHandler)
	}
	n, err := w.ResponseWriter.Write(p)
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	return n, err
}

// noRanges does not offer ranges.
type noRanges struct{ http.ResponseWriter }

func (w noRanges) WriteHeader(status int) {
	w.Header().Set("Accept-Ranges", "none")
	w.ResponseWriter.WriteHeader(status)
}
