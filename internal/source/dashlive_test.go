package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// liveDASH serves a description of segments of a second, of which there is one more
// each second.
//
// It keeps a minute of what is numbered, so that a machine that is slow for some seconds
// passes nothing over. It began long before: ffmpeg's dash reader takes less time than
// the server keeps for none at all.
type liveDASH struct {
	files    http.Handler
	begin    time.Time
	timeline bool
	fail     func(since time.Duration) int // a status, or 0
}

// earlier is how long before the first segment that is there the programme began.
const earlier = 2 * time.Minute

func (s *liveDASH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since := time.Since(s.begin)
	if status := s.fail(since); status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	last := min(6+int(since/time.Second), 36)
	if !strings.HasSuffix(r.URL.Path, ".mpd") {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/0-%d.m4s", &n); err == nil {
			if s.timeline {
				n = n/48000 + 1 // named by its time
			} else {
				n -= int(earlier / time.Second)
			}
			if n > last {
				http.NotFound(w, r) // not yet
				return
			}
			r.URL.Path = fmt.Sprintf("/0-%d.m4s", n)
		}
		s.files.ServeHTTP(w, r)
		return
	}
	first, age := max(1, last-5), 6*time.Second
	if !s.timeline {
		age += earlier
	}
	fmt.Fprintf(w, `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" profiles="urn:mpeg:dash:profile:isoff-live:2011"
 availabilityStartTime=%q publishTime=%q minimumUpdatePeriod="PT1S" minBufferTime="PT1S" timeShiftBufferDepth="PT60S">
<Period id="0" start="PT0S"><AdaptationSet contentType="audio"><Representation id="0" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="64000">
%s</Representation></AdaptationSet></Period></MPD>`,
		s.begin.Add(-age).UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339), s.template(first, last))
}

func (s *liveDASH) template(first, last int) string {
	if !s.timeline {
		return `<SegmentTemplate timescale="48000" duration="48000" startNumber="1" initialization="init-$RepresentationID$.m4s" media="$RepresentationID$-$Number$.m4s"/>`
	}
	return fmt.Sprintf(`<SegmentTemplate timescale="48000" initialization="init-$RepresentationID$.m4s" media="$RepresentationID$-$Time$.m4s">
<SegmentTimeline><S t="%d" d="48000" r="%d"/></SegmentTimeline></SegmentTemplate>`, (first-1)*48000, last-first)
}

func openLiveDASH(t *testing.T, timeline bool, fail func(since time.Duration) int) media.Stream {
	t.Helper()
	dir := segmented(t, "dash-live", []string{
		"-i", programme(t), "-map", "0:a", "-c", "copy", "-f", "dash", "-seg_duration", "1",
		"-init_seg_name", "init-$RepresentationID$.m4s", "-media_seg_name", "$RepresentationID$-$Number$.m4s", "list.mpd",
	})
	url := serve(t, (&liveDASH{files: http.FileServer(http.Dir(dir)), begin: time.Now(), timeline: timeline, fail: fail}).ServeHTTP)
	e := env()
	e.StallTimeout = 5 * time.Second
	stream, err := media.FromURL(url+"/live.mpd?token=s3cret", media.EncodeOptions{}).Open(t.Context(), e)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

func TestLiveDASHWhoseServerIsLostIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	stream := openLiveDASH(t, true, func(since time.Duration) int {
		if since > 4*time.Second {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	frames, end := readAll(t, stream)
	require.Greater(t, len(frames), 100)
	require.ErrorIs(t, end, models.ErrFile)
	require.ErrorContains(t, end, "503 Service Unavailable")
	require.NotContains(t, end.Error(), "s3cret")
}

func TestLiveDASHPlaysOnWhenItsServerIsBack(t *testing.T) {
	t.Parallel()
	var away atomic.Int32
	stream := openLiveDASH(t, false, func(since time.Duration) int {
		if since > 3*time.Second && since < 5*time.Second {
			away.Add(1)
			return http.StatusServiceUnavailable
		}
		return 0
	})
	frames := 0
	for length := time.Duration(0); length < 13*time.Second; frames++ {
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		length = f.PTS + f.Duration
	}
	require.Positive(t, away.Load())
	require.InDelta(t, 13*50, frames, 15, "no segment is passed over")
}
