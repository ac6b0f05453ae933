package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// program finds one of several programs, or skips the test. CI sets FOREIGN_REQUIRED, and
// has them all.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("FOREIGN_REQUIRED") != "" {
		t.Fatalf("none of %q is installed", names)
	}
	t.Skipf("none of %q is installed", names)
	return ""
}

// chromium is one browser without a window, for any number of tabs.
type chromium struct {
	ctx    context.Context
	silent bool // it has stopped answering
	last   bool // there is no other try
}

// inBrowser runs a test in a browser, and once more in another one if that stops
// answering: now and then one does, whatever its page is.
func inBrowser(t *testing.T, test func(*testing.T, *chromium)) {
	t.Helper()
	for _, name := range []string{"first try", "second try"} {
		b := &chromium{last: name == "second try"}
		t.Run(name, func(t *testing.T) {
			b.start(t)
			test(t, b)
		})
		if !b.silent {
			return
		}
	}
}

// fellSilent ends a test whose browser gives no answer to a script.
func (c *chromium) fellSilent(t *testing.T, script string) {
	t.Helper()
	c.silent = true
	if c.last {
		t.Fatalf("the browser has stopped answering, as the one before: %s", script)
	}
	t.Skip("the browser has stopped answering")
}

// start starts the browser, which ends with the test.
func (c *chromium) start(t *testing.T) {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program(t, "chromium", "chromium-browser", "google-chrome")),
		chromedp.NoSandbox, // there is none for root, as in many containers
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		// Its own addresses would be names that only mDNS finds.
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
		chromedp.Flag("disable-component-update", true),
		// A tab that is not in front is as awake as the one that is.
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-background-timer-throttling", true),
	)
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		leave()
		stop() // waits for the process
	})
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	c.ctx = ctx
}

// tab is a page. It is for one goroutine.
type tab struct {
	ctx     context.Context
	browser *chromium
	t       *testing.T
}

// open opens a page in a new tab, which ends with the test.
func (c *chromium) open(t *testing.T, url string) *tab {
	t.Helper()
	ctx, leave := chromedp.NewContext(c.ctx)
	t.Cleanup(leave)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)))
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	p := &tab{ctx, c, t}
	p.until("window.demo !== undefined")
	evaluate[any](p, helpers)
	return p
}

// in returns the tab for a subtest.
func (p *tab) in(t *testing.T) *tab { return &tab{p.ctx, p.browser, t} }

// evaluate runs a script; a promise is awaited.
func evaluate[T any](p *tab, script string) T {
	p.t.Helper()
	if p.browser.silent {
		p.browser.fellSilent(p.t, script)
	}
	ctx, cancel := context.WithTimeout(p.ctx, 2*patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if errors.Is(err, context.DeadlineExceeded) {
		p.browser.fellSilent(p.t, script)
	}
	require.NoError(p.t, err, script)
	return value
}

// patience is what anything may take on a machine with much else to do.
const patience = 60 * time.Second

// until waits until an expression of the page is true. The page looks each 50 ms.
func (p *tab) until(condition string) {
	p.t.Helper()
	met := evaluate[bool](p, fmt.Sprintf(`new Promise(done => {
		const began = performance.now()
		const look = () => {
			let met = false
			try { met = %s } catch { /* what it speaks of is not there yet */ }
			if (met || performance.now() - began > %d) done(Boolean(met))
			else setTimeout(look, 50)
		}
		look()
	})`, condition, patience.Milliseconds()))
	require.True(p.t, met, condition+"\n"+evaluate[string](p, `document.body.innerText`))
}

// click clicks what a selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	evaluate[any](p, fmt.Sprintf(`document.querySelector(%s).click(), null`, quote(selector)))
}

// set gives a control a value, as a user who lets go of it.
func (p *tab) set(selector, value string) {
	p.t.Helper()
	evaluate[any](p, fmt.Sprintf(`(() => {
		const control = document.querySelector(%s)
		control.value = %s
		for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, { bubbles: true }))
		return null
	})()`, quote(selector), quote(value)))
}

func quote(s string) string {
	raw, _ := json.Marshal(s) // a string has JSON
	return string(raw)
}
