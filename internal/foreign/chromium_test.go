package foreign

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

//go:embed browser/listener.js
var listenerScript string

// browser is a page of Chromium that listens.
type browser struct{ ctx context.Context }

// newBrowser starts Chromium without a window. It ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()

	path := program(t, "chromium", "chromium-browser", "google-chrome")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		// Its own addresses would be names that only mDNS finds.
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop) // waits for the browser
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)

	b := &browser{ctx}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	evaluate[any](t, b, listenerScript+";null")

	return b
}

// evaluate runs a script; a promise is awaited.
func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()

	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(t, err)

	return value
}

// listen connects the page to whom the server features.
func (b *browser) listen(t *testing.T, server *sfu.SFU) {
	t.Helper()

	answer, err := server.Listen(t.Context(), evaluate[string](t, b, "offer()"))
	require.NoError(t, err)

	quoted, err := json.Marshal(answer)
	require.NoError(t, err)
	require.True(t, evaluate[bool](t, b, fmt.Sprintf("answer(%s)", quoted)))
}

// moment is what the page noted each quarter second.
type moment struct {
	Skew                                float64
	Packets, Concealed, Samples, Frames uint64
}

// heardByBrowser is what the statistics of WebRTC call it.
type heardByBrowser struct {
	Audio struct {
		PacketsReceived  uint64
		TotalAudioEnergy float64
	}
	Video struct {
		FramesReceived, FramesDecoded, FramesDropped, KeyFramesDecoded uint64
		FreezeCount, PliCount, NackCount                               uint64
		FrameWidth, FrameHeight                                        int
	}
	Moments []moment
}

// during are the moments between which sound came.
func (h heardByBrowser) during(t *testing.T) []moment {
	t.Helper()

	var playing []moment
	for i := 1; i < len(h.Moments); i++ {
		if m := h.Moments[i]; m.Packets > h.Moments[i-1].Packets && h.Moments[i-1].Packets > 0 {
			playing = append(playing, m)
		}
	}

	require.Greater(t, len(playing), 20, "a movie of 10 s has 40")

	return playing[:len(playing)-1] // the sound ended within the last one
}

// concealed is the share of the sound that was made up.
func (h heardByBrowser) concealed(t *testing.T) float64 {
	t.Helper()

	playing := h.during(t)
	first, last := playing[0], playing[len(playing)-1]

	return float64(last.Concealed-first.Concealed) / float64(last.Samples-first.Samples)
}

// skew is the median distance of picture and sound.
func (h heardByBrowser) skew(t *testing.T) float64 {
	t.Helper()

	var all []float64
	for _, m := range h.during(t) {
		all = append(all, m.Skew)
	}

	slices.Sort(all)

	return all[len(all)/2]
}

// report waits until the page has decoded all it will.
func (b *browser) report(t *testing.T) heardByBrowser {
	t.Helper()

	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()

	for before := uint64(1<<63 - 1); ; {
		got := evaluate[heardByBrowser](t, b, "report()")
		if got.Video.FramesDecoded == before {
			return got
		}

		before = got.Video.FramesDecoded

		<-ticker.C
	}
}

// play plays a movie through a server into a browser, and says what that heard, and what reached the server.
func play(t *testing.T, cfg sfu.Config, spec mediatest.MovieSpec) (heardByBrowser, sfu.PlayoutReport) {
	t.Helper()

	const chat = int64(-1001234567890)

	path := t.TempDir() + "/movie.mp4"
	require.NoError(t, mediatest.MakeMovie(t.Context(), "ffmpeg", path, spec))

	var arrived sfu.Playout

	cfg.OnRTP = func(_ *sfu.Participant, pkt sfu.Packet) { arrived.Add(pkt) }
	server, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	ends := make(chan error, 2)
	client.OnStreamEnd(func(_ int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ends <- err })

	params, err := client.CreateCall(chat)
	require.NoError(t, err)
	answer, err := server.Join(t.Context(), params)
	require.NoError(t, err)
	require.NoError(t, client.Connect(chat, answer))

	b := newBrowser(t)
	b.listen(t, server)
	require.NoError(t, client.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{
		Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo,
	})))

	for range 2 {
		select {
		case err := <-ends:
			require.NoError(t, err)
		case <-t.Context().Done():
			require.FailNow(t, "the movie did not end")
		}
	}

	got := b.report(t)
	p := server.Participants()[0]
	require.Empty(t, p.Violations())

	return got, arrived.Video(p.SSRC()+1, p.SSRC()+2, 500*time.Millisecond)
}

func TestChromiumHearsAndSeesWhatIsPlayed(t *testing.T) {
	const frames = 300

	spec := mediatest.MovieSpec{Width: 640, Height: 360, Duration: 10 * time.Second, Tones: true}

	for name, test := range map[string]struct {
		cfg       sfu.Config
		decoded   float64 // share of the pictures
		concealed float64 // share of the sound
		freezes   uint64
	}{
		"good line": {sfu.Config{}, 0.99, 0.005, 0},
		// Lost sound is not repeated. A machine with much else to do makes up some more.
		"lossy line": {sfu.Config{
			NACK: true, Up: sfu.Shape{MediaLoss: 0.05, Delay: 30 * time.Millisecond}, Seed: 1,
		}, 0.98, 0.10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, arrived := play(t, test.cfg, spec)
			t.Logf("%+v, concealed %.4f, skew %.0f ms; %+v", got.Video, got.concealed(t), got.skew(t), arrived)

			// The very last packet of a lossy line is not missed: nothing comes after it.
			require.InDelta(t, frames, arrived.Frames, 1)
			require.Greater(t, arrived.Share(), test.decoded)
			require.Greater(t, float64(got.Video.FramesDecoded), test.decoded*frames)
			require.LessOrEqual(t, got.Video.FreezeCount, test.freezes)
			require.Equal(t, [2]int{640, 360}, [2]int{got.Video.FrameWidth, got.Video.FrameHeight})
			require.Greater(t, got.Audio.TotalAudioEnergy, 0.1)
			require.LessOrEqual(t, got.concealed(t), test.concealed)
			require.InDelta(t, 0, got.skew(t), 40)
		})
	}
}
