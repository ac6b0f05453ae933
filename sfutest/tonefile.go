package sfutest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"time"
)

// WriteTones writes a WAV file of tones, each of a length, one after another: what a
// test plays and [Participant.Tones] hears. Frequencies are in Hz, from 150 to 8000.
func WriteTones(path string, length time.Duration, frequencies ...float64) error {
	n := int(length * sampleRate / time.Second)
	if n <= 0 || len(frequencies) == 0 || n > math.MaxInt32/2/len(frequencies) {
		return errors.New("write tones: no tones, or more than 6 hours")
	}
	size := uint32(2 * n * len(frequencies))
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v) // to memory
		}
	}
	put([]byte("RIFF"), 36+size, []byte("WAVEfmt "), uint32(16))
	// PCM, mono: sample rate, bytes per second, bytes and bits of a sample.
	put(uint16(1), uint16(1), uint32(sampleRate), uint32(2*sampleRate), uint16(2), uint16(16))
	put([]byte("data"), size)
	for _, f := range frequencies {
		samples := make([]int16, n)
		for i := range samples {
			samples[i] = int16(0.4 * math.MaxInt16 * math.Sin(2*math.Pi*f*float64(i)/sampleRate))
		}
		put(samples)
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}
