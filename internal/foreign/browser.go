package foreign

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
)

// What a page does: listen, or join as a member that sends.
var (
	//go:embed browser/listener.js
	listenerScript string
	//go:embed browser/member.js
	memberScript string
)

// browser is a page of Chromium. It is for one goroutine.
type browser struct {
	ctx   context.Context // the page's lifetime
	close func()
}

// newBrowser starts the Chromium at path without a window, with a script. The caller
// must close it.
func newBrowser(path, script string) (*browser, error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // there is none for root, as in many containers
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		// Its own addresses would be names that only mDNS finds.
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(ctx)
	b := &browser{ctx, func() {
		leave()
		stop() // waits for the process
	}}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		b.close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if _, err := evaluate[any](b, script+";null"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// evaluate runs a script; a promise is awaited.
func evaluate[T any](b *browser, script string) (T, error) {
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		return value, fmt.Errorf("in the page: %w", err)
	}
	return value, nil
}

// call calls a function of the page's with values that JSON has.
func call[T any](b *browser, function string, args ...any) (T, error) {
	quoted, err := json.Marshal(args)
	if err != nil {
		var none T
		return none, err
	}
	return evaluate[T](b, fmt.Sprintf("%s(...%s)", function, quoted))
}

// offer is a listener's SDP.
func (b *browser) offer() (string, error) { return evaluate[string](b, "offer()") }

// answer connects a listener. It returns when the connection is up.
func (b *browser) answer(sdp string) error {
	_, err := call[bool](b, "answer", sdp)
	return err
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

// settle waits until the page has decoded all it will, and tells what it heard.
func (b *browser) settle() (heardByBrowser, error) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for before := uint64(1<<63 - 1); ; {
		got, err := evaluate[heardByBrowser](b, "report()")
		if err != nil || got.Video.FramesDecoded == before {
			return got, err
		}
		before = got.Video.FramesDecoded
		<-ticker.C
	}
}
