package browsertest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

var schemes = [...]string{"light", "dark"}

// scheme sets the colour scheme that the user prefers.
func (p *tab) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // or colours are on their way
		},
	})
	require.NoError(p.t, err)
}

// shoot writes pictures of a page in each size and colour scheme.
func (p *tab) shoot(dir, name string) {
	p.t.Helper()
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 390, 844}, {"desktop", 1440, 900}} {
		for _, scheme := range schemes {
			p.scheme(scheme)
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

// check has axe-core look for what keeps people out, in both colour schemes.
func (p *tab) check(axe string) {
	p.t.Helper()
	for _, scheme := range schemes {
		p.scheme(scheme)
		evaluate[any](p, axe+"; null")
		found := evaluate[[]string](p, `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(found =>
			found.violations.filter(v => v.impact !== 'minor').map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join('; ')))`)
		require.Empty(p.t, found)
	}
}

// axeCore returns axe-core of the npm registry, which is for development alone.
func axeCore(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("node", "node_modules", "axe-core", "axe.min.js"))
	if err != nil && os.Getenv("FOREIGN_REQUIRED") == "" {
		t.Skip("axe-core is not installed: run npm ci in the folder node")
	}
	require.NoError(t, err)
	return string(raw)
}

// TestLooks takes pictures of the page in each state, and looks for what keeps people out.
// With SHOTS the pictures are kept in that folder; the README's is playing-desktop-light.
func TestLooks(t *testing.T) { inBrowser(t, looks) }

func looks(t *testing.T, browser *chromium) {
	axe := axeCore(t)
	dir := os.Getenv("SHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	d := start(t, build(t))
	p := browser.open(t, d.url)
	p.until(`document.querySelector('[name=pattern]').options.length > 0`)
	p.shoot(dir, "idle")
	p.check(axe)
	p.play("pattern", "gradient")
	p.play("pattern", "bars")
	p.until(`document.querySelector('#inspect').value === '2'`) // the newest
	p.set("#inspect", "1")
	p.until(`demo.calls.get(1).history.kbps.filter(v => v > 0).length > 20`)
	p.shoot(dir, "playing")
	p.check(axe)
	p.set("[name=loss]", "12")
	p.click(`[data-verb=blackout][data-seconds="30"]`)
	p.badge(1, "black-out")
	p.until(`document.querySelector('[data-call="1"] .note').textContent.includes('silent')`)
	p.shoot(dir, "broken")
	p.check(axe)
	require.NoError(t, os.WriteFile(filepath.Join(d.folder, "broken.mp3"), []byte("this is no music"), 0o600))
	p.click("[name=kind][value=file]")
	p.until(`[...document.querySelector('[name=file]').options].some(o => o.value === 'broken.mp3')`)
	p.set("[name=file]", "broken.mp3")
	p.click("#source button")
	p.until(`!document.querySelector('#problem').hidden`)
	require.NotContains(t, evaluate[string](p, `document.querySelector('#problem').textContent`), d.folder)
	p.shoot(dir, "error")
	p.check(axe)
	require.Empty(t, evaluate[[]string](p, `demo.errors`))
}

// TestKeyboardReachesEverything walks through the page by the tabulator.
func TestKeyboardReachesEverything(t *testing.T) { inBrowser(t, keyboardReachesEverything) }

func keyboardReachesEverything(t *testing.T, browser *chromium) {
	d := start(t, build(t))
	p := browser.open(t, d.url)
	p.until(`document.querySelector('[name=pattern]').options.length > 0`)
	seen := map[string]bool{}
	for range 40 {
		require.NoError(t, chromedp.Do(p.ctx, chromedp.KeyEvent(kb.Tab)))
		seen[evaluate[string](p, `(e => e.id || e.name || e.dataset.verb || e.textContent)(document.activeElement)`)] = true
	}
	for _, want := range []string{"kind", "pattern", "where", "Play", "inspect", "filter", "level", "copy", "events", "log"} {
		require.Contains(t, seen, want)
	}
}
