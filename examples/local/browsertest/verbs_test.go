package browsertest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// badge waits until the card of a call shows a state.
func (p *tab) badge(id int, state string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector('[data-call="%d"] .badge').textContent.startsWith(%s)`, id, quote(state)))
}

// moving waits until a number of further pictures of a call are shown.
func (p *tab) moving(id int, pictures float64) report {
	p.t.Helper()
	from := p.look(id)
	p.until(fmt.Sprintf(`demo.calls.get(%d).listener.stats?.video?.framesDecoded > %f`, id, from.Frames+pictures))
	return p.look(id)
}

// TestListenIsOneConnection: however quickly a listener changes their mind.
func TestListenIsOneConnection(t *testing.T) { inBrowser(t, listenIsOneConnection) }

func listenIsOneConnection(t *testing.T, browser *chromium) {
	d := start(t, build(t))
	p := browser.open(t, d.url)
	id := p.play("pattern", "tone")
	p.until(fmt.Sprintf(`demo.calls.get(%d).state.listeners === 1`, id))
	evaluate[any](p, fmt.Sprintf(`(button => {
		for (let click = 0; click < 6; click++) button.click() // off and on again
		return null
	})(document.querySelector('[data-call="%d"] .listen'))`, id))
	p.until(fmt.Sprintf(`demo.calls.get(%d).listener.state === 'listening'`, id))
	p.until(fmt.Sprintf(`demo.calls.get(%d).state.listeners === 1`, id))
	p.press(id, "listen")
	p.until(fmt.Sprintf(`demo.calls.get(%d).state.listeners === 0`, id))
	require.Empty(t, evaluate[[]string](p, `demo.errors`))
}

// TestVerbs uses everything that the card of a call and the network's knobs have.
func TestVerbs(t *testing.T) { inBrowser(t, verbs) }

func verbs(t *testing.T, browser *chromium) {
	d := start(t, build(t))
	spec := mediatest.MovieSpec{Width: 320, Height: 180, FPS: "25", Duration: 120 * time.Second, Tones: true}
	require.NoError(t, mediatest.MakeMovie(t.Context(), "", filepath.Join(d.folder, "movie.mp4"), spec))
	p := browser.open(t, d.url)
	id := p.play("file", "movie.mp4")
	p.badge(id, "playing")
	p.moving(id, 25)

	t.Run("pause", func(t *testing.T) {
		p := p.in(t)
		p.press(id, "pause")
		p.badge(id, "paused")
		from := p.after(p.look(id), id, 1) // what was on its way is there
		to := p.after(from, id, 2)
		require.Zero(t, to.Packets-from.Packets)
		require.Zero(t, to.Frames-from.Frames)
		p.press(id, "pause")
		p.badge(id, "playing")
		require.Greater(t, p.moving(id, 25).Energy, to.Energy)
	})
	t.Run("seek", func(t *testing.T) {
		p := p.in(t)
		before := p.counter(id)
		p.set(fmt.Sprintf(`[data-call="%d"] .seek input`, id), "60")
		p.until(fmt.Sprintf(`demo.calls.get(%d).state.position > 60`, id))
		p.moving(id, 50)
		after := p.counter(id)
		require.Less(t, before, 40*25)
		require.InDelta(t, 63*25, after, 6*25)
	})
	t.Run("mute", func(t *testing.T) {
		p := p.in(t)
		p.until(fmt.Sprintf(`sound(%d).level > 0.01`, id))
		p.press(id, "mute")
		p.badge(id, "muted")
		p.until(fmt.Sprintf(`sound(%d).level < 0.001`, id))
		p.press(id, "mute")
		p.badge(id, "playing")
		p.until(fmt.Sprintf(`sound(%d).level > 0.01`, id))
	})
	t.Run("volume", func(t *testing.T) {
		p := p.in(t)
		full := p.sound(id).Level
		p.set(fmt.Sprintf(`[data-call="%d"] .volume input`, id), "25")
		p.until(fmt.Sprintf(`Math.abs(sound(%d).level - %f) < %f`, id, full/4, full/20))
		p.set(fmt.Sprintf(`[data-call="%d"] .volume input`, id), "100")
		p.until(fmt.Sprintf(`Math.abs(sound(%d).level - %f) < %f`, id, full, full/5))
	})
	t.Run("late listener", func(t *testing.T) {
		late := browser.open(t, d.url)
		late.until(fmt.Sprintf(`demo.calls.get(%d)?.listener.state === 'listening'`, id))
		began := evaluate[float64](late, `performance.now()`)
		late.until(fmt.Sprintf(`demo.calls.get(%d).video.videoWidth > 0`, id))
		waited := evaluate[float64](late, `performance.now()`) - began
		t.Logf("a picture after %.0f ms", waited)
		if waited >= 2500 { // 2 s, and half a second for the machine
			p.in(t).mustBeGood(map[string]string{"late listener": fmt.Sprintf("the first picture after %.0f ms", waited)})
		}
	})
	t.Run("kick", func(t *testing.T) {
		p := p.in(t)
		p.click(`[data-verb=kick]`)
		p.until(`document.querySelector('#events').textContent.includes('OnConnectionChange: failed')`)
		p.until(`document.querySelector('#events').textContent.includes('rejoined after the loss')`)
		p.badge(id, "playing")
		p.moving(id, 25)
	})
	t.Run("black-out", func(t *testing.T) {
		p := p.in(t)
		p.click(`[data-verb=blackout][data-seconds="5"]`)
		p.badge(id, "black-out")
		p.until(`document.querySelector('#events').textContent.includes('OnConnectionChange: disconnected')`)
		p.badge(id, "playing")
		p.moving(id, 50)
	})
	t.Run("wrong certificate", func(t *testing.T) {
		p := p.in(t)
		p.click(`[data-verb=impostor]`)
		p.until(`document.querySelector('#events').textContent.includes('Connect refused it')`)
		p.badge(id, "playing")
		p.moving(id, 25)
	})
	t.Run("loss", func(t *testing.T) {
		p := p.in(t)
		p.set(`[name=loss]`, "5")
		p.until(fmt.Sprintf(`demo.calls.get(%d).state.network.loss === 5`, id))
		bad := map[string]string{"5 % loss": "not judged"}
		for range tries {
			from := p.moving(id, 25)
			to := p.after(from, id, 6)
			if rate(from, to) >= 0.95*25 {
				delete(bad, "5 % loss")
				break
			}
			bad["5 % loss"] = fmt.Sprintf("%.2f pictures a second, not 25", rate(from, to))
		}
		p.mustBeGood(bad)
		p.click(`[data-verb=perfect]`)
		p.until(fmt.Sprintf(`demo.calls.get(%d).state.network.loss === 0`, id))
	})
	t.Run("next", func(t *testing.T) {
		p := p.in(t)
		p.set("[name=file]", "movie.mp4")
		p.press(id, "next")
		p.until(fmt.Sprintf(`demo.calls.get(%d).state.next === 'movie.mp4'`, id))
		bad := map[string]string{"next": "not judged"}
		p.set(fmt.Sprintf(`[data-call="%d"] .seek input`, id), "117")
		p.until(fmt.Sprintf(`demo.calls.get(%d).state.position > 117`, id))
		from := p.moving(id, 12)
		p.until(fmt.Sprintf(`demo.calls.get(%[1]d).state.next === '' && demo.calls.get(%[1]d).state.position > 2 && demo.calls.get(%[1]d).state.position < 20`, id))
		to := p.look(id)
		if hole := concealed(from, to); hole < 0.02 && rate(from, to) > 0.9*25 {
			delete(bad, "next")
		} else {
			bad["next"] = fmt.Sprintf("%.3f of the sound is made up, %.1f pictures a second", hole, rate(from, to))
		}
		p.mustBeGood(bad)
	})
	t.Run("two calls", func(t *testing.T) {
		p := p.in(t)
		tone := p.play("pattern", "tone")
		p.until(fmt.Sprintf(`Math.abs(sound(%d).frequency - 440) < 10`, tone))
		p.until(fmt.Sprintf(`sound(%d).level > 0.01 && sound(%d).frequency > 900`, id, id)) // the movie's tones are
		p.press(tone, "leave")
		p.until(fmt.Sprintf(`!demo.calls.has(%d)`, tone))
	})
	t.Run("silent calls", func(t *testing.T) {
		p := p.in(t)
		p.click(`[data-calls="50"]`)
		p.until(`document.querySelector('#load-figures').textContent.includes('calls per core')`)
		t.Log(evaluate[string](p, `document.querySelector('#load-figures').textContent`))
		p.click(`[data-calls="0"]`)
		p.until(`document.querySelector('#load-figures').textContent === 'none'`)
	})
	require.Empty(t, evaluate[[]string](p, `demo.errors`))
	require.Contains(t, d.end(t), "no rule broken")
}
