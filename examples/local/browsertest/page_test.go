package browsertest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// helpers are functions of the page for the tests.
const helpers = `
// report is what the browser counts of a call.
window.report = async id => {
	const { listener, state } = demo.calls.get(id)
	await listener.look()
	const { audio, video, at } = listener.stats
	return {
		at, position: state.position, skew: listener.skew ?? 0, packets: audio.packetsReceived,
		energy: audio.totalAudioEnergy, concealed: audio.concealedSamples - (audio.silentConcealedSamples ?? 0), samples: audio.totalSamplesReceived,
		frames: video?.framesDecoded ?? 0, freezes: video?.freezeCount ?? 0, width: video?.frameWidth ?? 0
	}
}
window.analysers = new Map()
// sound is the loudness of a call, and its strongest frequency.
window.sound = id => {
	if (!analysers.has(id)) {
		const context = new AudioContext({ sampleRate: 48000 })
		const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 })
		const mute = new GainNode(context, { gain: 0 })
		context.createMediaStreamSource(demo.calls.get(id).listener.stream).connect(analyser).connect(mute).connect(context.destination)
		analysers.set(id, analyser)
	}
	const analyser = analysers.get(id)
	const [wave, bins] = [new Float32Array(8192), new Float32Array(4096)]
	analyser.getFloatTimeDomainData(wave)
	analyser.getFloatFrequencyData(bins)
	return {
		level: Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length),
		frequency: bins.indexOf(Math.max(...bins)) * 48000 / 8192
	}
}
window.picture = id => {
	const video = demo.calls.get(id).video
	const canvas = Object.assign(document.createElement('canvas'), { width: video.videoWidth, height: video.videoHeight })
	canvas.getContext('2d').drawImage(video, 0, 0)
	return canvas.toDataURL('image/png')
}
null`

// report is what the browser counts of a call. Times are in ms, the position in s.
type report struct {
	At, Position, Skew, Energy  float64
	Packets, Concealed, Samples float64
	Frames, Freezes             float64
	Width                       int
}

// look returns what a browser counts of a call, which it hears.
func (p *tab) look(id int) report {
	p.t.Helper()
	p.until(fmt.Sprintf(`demo.calls.get(%d).listener.stats !== null`, id))
	return evaluate[report](p, fmt.Sprintf("report(%d)", id))
}

// after returns it once the browser's own clock of the sound is some seconds on.
func (p *tab) after(from report, id int, seconds float64) report {
	p.t.Helper()
	p.until(fmt.Sprintf(`demo.calls.get(%d).listener.stats?.at > %f`, id, from.At+1000*seconds))
	return p.look(id)
}

// rate is how many pictures a second were decoded.
func rate(from, to report) float64 { return (to.Frames - from.Frames) / (to.At - from.At) * 1000 }

// concealed is the share of the sound that was made up.
func concealed(from, to report) float64 {
	return (to.Concealed - from.Concealed) / max(1, to.Samples-from.Samples)
}

// play plays a source in a new call, as a user does, and returns the call's number.
func (p *tab) play(kind, value string) int {
	p.t.Helper()
	before := evaluate[int](p, `Math.max(0, ...demo.calls.keys())`)
	p.until(`!document.querySelector('#source button').disabled`)
	p.click("[name=kind][value=" + kind + "]")
	p.until(fmt.Sprintf(`document.querySelector('[name=%s]').tagName === 'INPUT' || [...document.querySelector('[name=%s]').options].some(o => o.value === %s)`, kind, kind, quote(value)))
	p.set("[name="+kind+"]", value)
	p.click("#source button")
	p.until(fmt.Sprintf(`Math.max(0, ...demo.calls.keys()) > %d`, before))
	return evaluate[int](p, `Math.max(...demo.calls.keys())`)
}

// press presses a button of a call's card.
func (p *tab) press(id int, button string) {
	p.t.Helper()
	p.click(fmt.Sprintf(`[data-call="%d"] .%s`, id, button))
}

// counter is the number that the picture of a call shows.
func (p *tab) counter(id int) int {
	p.t.Helper()
	raw := evaluate[string](p, fmt.Sprintf("picture(%d)", id))
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(raw, "data:image/png;base64,"))
	require.NoError(p.t, err)
	img, err := png.Decode(bytes.NewReader(data))
	require.NoError(p.t, err)
	gray := image.NewGray(img.Bounds())
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			gray.Set(x, y, color.GrayModel.Convert(img.At(x, y)))
		}
	}
	counter, _ := mediatest.ReadPicture(gray)
	return counter
}

// heard is what a call sounds like.
type heard struct{ Level, Frequency float64 }

func (p *tab) sound(id int) heard {
	p.t.Helper()
	return evaluate[heard](p, fmt.Sprintf("sound(%d)", id))
}
