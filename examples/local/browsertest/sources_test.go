package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// What a judge allows.
const (
	maxConcealed = 0.01
	maxSkew      = 45 // ms
	tries        = 3  // a machine with much else to do conceals sound by itself
)

// serve serves a folder over HTTP, with ranges or without.
func serve(t *testing.T, folder string, ranges bool) string {
	t.Helper()
	files := http.FileServer(http.Dir(folder))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ranges {
			files.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Accept-Ranges", "none")
		raw, err := os.ReadFile(filepath.Join(folder, filepath.Base(r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
		_, _ = w.Write(raw)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// makeMedia fills a demo folder.
func makeMedia(t *testing.T, folder string) {
	t.Helper()
	const seconds = 60
	tones := mediatest.AudioSpec{Seconds: seconds}
	require.NoError(t, mediatest.MakeTones(t.Context(), "", filepath.Join(folder, "tones.mp3"), tones))
	require.NoError(t, mediatest.MakeTones(t.Context(), "", filepath.Join(folder, "tones.webm"), tones))
	for _, fps := range []string{"25", "30"} {
		require.NoError(t, mediatest.MakeMovie(t.Context(), "", filepath.Join(folder, "movie"+fps+".mp4"), mediatest.MovieSpec{
			Width: 320, Height: 180, FPS: fps, Duration: seconds * time.Second, Tones: true,
			Options: []string{"-movflags", "+faststart"}, // its index comes first, for servers without ranges
		}))
	}
}

// played is a source and the call that plays it.
type played struct {
	kind, value string
	fps         float64 // 0: sound alone
	id          int
}

// TestSources plays sources of every kind side by side, and has libwebrtc judge each.
func TestSources(t *testing.T) { inBrowser(t, sources) }

func sources(t *testing.T, browser *chromium) {
	d := start(t, build(t))
	makeMedia(t, d.folder)
	p := browser.open(t, d.url)
	ranges, whole := serve(t, d.folder, true), serve(t, d.folder, false)
	for _, group := range [][]played{
		{{kind: "file", value: "tones.mp3"}, {kind: "file", value: "movie25.mp4", fps: 25}, {kind: "file", value: "movie30.mp4", fps: 30}},
		{
			{kind: "file", value: "tones.webm"},
			{kind: "url", value: ranges + "/movie25.mp4", fps: 25},
			{kind: "url", value: whole + "/movie25.mp4", fps: 25},
			{kind: "pattern", value: "bars", fps: 30},
		},
	} {
		p.judgeAll(group)
	}
	require.Empty(t, evaluate[[]string](p, `demo.errors`))
	require.Contains(t, d.end(t), "7 calls")
}

// judgeAll plays some sources side by side until each has had five good seconds.
func (p *tab) judgeAll(group []played) {
	p.t.Helper()
	for i, s := range group {
		group[i].id = p.play(s.kind, s.value)
	}
	for _, s := range group {
		p.until(fmt.Sprintf(`demo.calls.get(%d).listener.stats.audio.packetsReceived > 100`, s.id)) // two seconds
		if s.fps > 0 {
			p.until(fmt.Sprintf(`demo.calls.get(%d).listener.stats.video.framesDecoded > 30`, s.id))
		}
	}
	bad := make(map[string]string, len(group)) // by source
	for _, s := range group {
		bad[s.value] = "not judged"
	}
	for range tries {
		from := make([]report, len(group))
		for i, s := range group {
			from[i] = p.look(s.id)
		}
		for i, s := range group {
			to := p.after(from[i], s.id, 5)
			if _, ok := bad[s.value]; !ok {
				continue
			}
			if bad[s.value] = judge(from[i], to, s.fps); bad[s.value] == "" {
				delete(bad, s.value)
			}
		}
		if len(bad) == 0 {
			break
		}
		p.t.Log(bad)
	}
	p.mustBeGood(bad)
	for _, s := range group {
		p.press(s.id, "leave")
		p.until(fmt.Sprintf(`!demo.calls.has(%d)`, s.id))
	}
}

// What is wrong on a machine of any speed.
const (
	noSound   = "nothing is heard"
	noPicture = "no picture comes"
)

// mustBeGood fails the test, unless the machine is too busy to judge. It is never too busy
// for sound or pictures that do not come at all.
func (p *tab) mustBeGood(bad map[string]string) {
	p.t.Helper()
	for source, why := range bad {
		if why == noSound || why == noPicture {
			require.FailNow(p.t, source+": "+why)
		}
	}
	if busy := load(); len(bad) > 0 && busy > 2 {
		p.t.Skipf("%v: nobody can judge a browser that shares its processor with %.1f others", bad, busy)
	}
	require.Empty(p.t, bad)
}

// load returns how many programs have waited for each processor in the last minute, or
// have had it: 0 where the system does not say.
func load() float64 {
	var minute float64
	text, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(text), &minute)
	return minute / float64(runtime.NumCPU())
}

// judge says what is wrong with what a browser heard and saw, or nothing.
func judge(from, to report, fps float64) string {
	switch {
	case to.Energy <= from.Energy:
		return noSound
	case concealed(from, to) >= maxConcealed:
		return fmt.Sprintf("%.3f of the sound is made up", concealed(from, to))
	case fps == 0:
		return ""
	case to.Frames <= from.Frames:
		return noPicture
	case rate(from, to) < 0.95*fps || rate(from, to) > 1.05*fps:
		return fmt.Sprintf("%.2f pictures a second, not %v", rate(from, to), fps)
	case to.Freezes > from.Freezes:
		return "the picture froze"
	case to.Skew >= maxSkew || to.Skew <= -maxSkew:
		return fmt.Sprintf("sound and picture are %.0f ms apart", to.Skew)
	}
	return ""
}
