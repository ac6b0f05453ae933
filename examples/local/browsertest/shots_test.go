package browsertest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// shoot writes pictures of a page in each size and colour scheme.
func (p *tab) shoot(dir, name string) {
	p.t.Helper()
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 390, 844}, {"desktop", 1440, 900}} {
		for _, scheme := range []string{"light", "dark"} {
			_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: scheme},
					{Name: "prefers-reduced-motion", Value: "reduce"}, // or colours are on their way
				},
			})
			require.NoError(p.t, err)
			require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(size.width, size.height)))
			evaluate[any](p, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))`)
			wide := evaluate[int64](p, `document.documentElement.scrollWidth`)
			require.LessOrEqual(p.t, wide, size.width, "the page scrolls sideways")
			raw, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
			require.NoError(p.t, err)
			require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+"-"+size.name+"-"+scheme+".png"), raw, 0o600))
		}
	}
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(1440, 900)))
}

func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	d := start(t, build(t))
	p := startChromium(t).open(t, d.url)
	p.until(`document.querySelector('[name=pattern]').options.length > 0`)
	p.shoot(dir, "idle")
	p.set("[name=pattern]", "gradient")
	p.click("#source button")
	p.until(`demo.calls.get(1).listener.stats.video.framesDecoded > 60`)
	p.shoot(dir, "playing")
}
