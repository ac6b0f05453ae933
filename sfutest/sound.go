package sfutest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/pion/opus"
)

// MinTone is the shortest stretch of one frequency that counts as a [Tone].
const MinTone = 100 * time.Millisecond

// Tone is an uninterrupted stretch of one frequency.
type Tone struct {
	// Frequency is in Hz, exact to 5 Hz from 150 to 8000 Hz.
	Frequency float64
	// Start and End count the sound that arrived, from its first packet on, exact to
	// 40 ms. A pause of the client sends no sound and takes no time; a packet that was
	// lost is silence.
	Start, End time.Duration
}

const (
	sampleRate = 48000                  // of Opus (RFC 7587 section 4.1)
	maxOpus    = sampleRate * 120 / 1e3 // samples of the longest packet (RFC 6716 section 3.2.5)

	window  = 2048             // samples, 43 ms: bins of 23 Hz
	hop     = sampleRate / 100 // samples, 10 ms
	binSize = float64(sampleRate) / window

	lowest    = 3    // the first bin that is no hum
	minLevel  = 0.01 // of full scale; -40 dBFS
	minPurity = 0.85 // the part of the energy that is the tone's
	maxDrift  = 15.0 // Hz between two hops of a tone
)

// ear decodes Opus as it comes and finds its tones.
type ear struct {
	decoder opus.Decoder
	stereo  []float32

	begun bool
	next  uint16    // the sequence number of the next packet
	last  int       // samples of the packet before it
	at    int64     // samples from the start to the end of wave
	wave  []float64 // the end of what was decoded, mono; less than window + hop
	found []Tone
	hops  float64 // how many hops the last of found has lasted
	open  bool    // the last of found may grow
}

func newEar() *ear { return &ear{stereo: make([]float32, 2*maxOpus)} }

// hear decodes the next packet. One that is overtaken by another is left out.
func (e *ear) hear(number uint16, packet []byte) error {
	if !e.begun {
		decoder, err := opus.NewDecoderWithOutput(sampleRate, 2)
		if err != nil {
			return fmt.Errorf("opus decoder: %w", err)
		}
		e.decoder, e.begun, e.next = decoder, true, number
	}
	lost := int16(number - e.next)
	if lost < 0 {
		return nil
	}
	if len(packet) == 0 { // padding
		e.silence(int64(lost) * int64(e.last))
		e.next = number + 1
		return nil
	}
	n, err := e.decoder.DecodeToFloat32(packet, e.stereo)
	if err != nil {
		return fmt.Errorf("decode opus packet at %v: %w", e.length(), err)
	}
	e.silence(int64(lost) * int64(e.last))
	for i := range n {
		e.wave = append(e.wave, float64(e.stereo[2*i]+e.stereo[2*i+1])/2)
	}
	e.at += int64(n)
	e.next, e.last = number+1, n
	e.analyse()
	return nil
}

// silence appends samples of 0: as many as end every tone, while the time line goes on
// by all of them.
func (e *ear) silence(samples int64) {
	e.wave = append(e.wave, make([]float64, min(samples, 2*window))...)
	e.at += min(samples, 2*window)
	e.analyse()
	e.at += max(0, samples-2*window)
}

// analyse looks at each window that is complete.
func (e *ear) analyse() {
	for len(e.wave) >= window {
		middle := e.at - int64(len(e.wave)) + window/2
		e.note(toTime(middle), e.wave[:window])
		e.wave = append(e.wave[:0], e.wave[hop:]...)
	}
}

// note extends the last tone by the frequency around a time, or begins one.
func (e *ear) note(at time.Duration, wave []float64) {
	frequency, ok := dominant(wave)
	if !ok {
		e.open = false
		return
	}
	if last := len(e.found) - 1; e.open && math.Abs(e.found[last].Frequency-frequency) < maxDrift {
		tone := &e.found[last]
		e.hops++
		tone.Frequency += (frequency - tone.Frequency) / e.hops // the mean
		tone.End = at
		return
	}
	if last := len(e.found) - 1; last >= 0 && !e.found[last].counts() {
		e.found = e.found[:last]
	}
	e.found, e.open = append(e.found, Tone{frequency, at, at}), true
	e.hops = 1
}

func (t Tone) counts() bool { return t.End-t.Start >= MinTone }

// tones returns what counts as tones.
func (e *ear) tones() []Tone {
	found := e.found
	if last := len(found) - 1; last >= 0 && !found[last].counts() {
		found = found[:last]
	}
	return slices.Clone(found)
}

// length is that of the time line.
func (e *ear) length() time.Duration { return toTime(e.at) }

func toTime(samples int64) time.Duration { return time.Duration(samples) * time.Second / sampleRate }
