package mediatest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pion/opus/pkg/oggreader"
	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// start is when the first packet of every test arrives.
func start() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func skipWithoutFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("needs ffmpeg")
	}
}

// sendOpus has ffmpeg encode src and turns the result into packets that arrive
// on time, over the wrap of sequence numbers and timestamps.
func sendOpus(t *testing.T, src string, options ...string) []Packet {
	t.Helper()
	ogg := filepath.Join(t.TempDir(), "sent.ogg")
	args := append([]string{"-y", "-i", src, "-vn", "-c:a", "libopus", "-b:a", "128k", "-ac", "2"}, options...)
	require.NoError(t, run(t.Context(), "ffmpeg", nil, append(args, ogg)...))
	data, err := os.ReadFile(ogg)
	require.NoError(t, err)
	reader, _, err := oggreader.NewWith(bytes.NewReader(data))
	require.NoError(t, err)
	var packets []Packet
	var at uint32
	for {
		payload, _, err := reader.ParseNextPacket()
		if errors.Is(err, io.EOF) {
			return packets
		}
		require.NoError(t, err)
		if bytes.HasPrefix(payload, []byte("OpusTags")) {
			continue
		}
		packets = append(packets, Packet{
			SSRC: 7, SequenceNumber: uint16(65530 + len(packets)), Timestamp: at - 5000,
			Arrival: start().Add(samplesToDuration(int64(at))), Payload: slices.Clone(payload),
		})
		at += opusSamples(t, payload)
	}
}

// opusSamples reads the duration off the TOC (RFC 6716 section 3.1).
func opusSamples(t *testing.T, payload []byte) uint32 {
	t.Helper()
	config := payload[0] >> 3
	var frame uint32
	switch {
	case config < 12:
		frame = []uint32{480, 960, 1920, 2880}[config%4]
	case config < 16:
		frame = []uint32{480, 960}[config%2]
	default:
		frame = []uint32{120, 240, 480, 960}[config%4]
	}
	switch payload[0] & 3 {
	case 0:
		return frame
	case 3:
		return frame * uint32(payload[1]&63)
	}
	return frame * 2
}

func TestTonesAreHeardThroughEveryContainer(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	for name, test := range map[string]struct {
		file string
		spec AudioSpec
		send []string
	}{
		"mp3":              {file: "a.mp3"},
		"mp3 with cover":   {file: "a.mp3", spec: AudioSpec{CoverArt: true}},
		"mp3 mono 22050":   {file: "a.mp3", spec: AudioSpec{Rate: 22050, Channels: 1, Options: []string{"-b:a", "48k"}}},
		"wav":              {file: "a.wav", spec: AudioSpec{Rate: 44100}},
		"flac":             {file: "a.flac", spec: AudioSpec{CoverArt: true}},
		"m4a":              {file: "a.m4a"},
		"ogg full pages":   {file: "a.ogg", spec: AudioSpec{Options: []string{"-page_duration", "1000000"}}},
		"ogg 60 ms":        {file: "a.ogg", spec: AudioSpec{Options: []string{"-frame_duration", "60"}}},
		"webm":             {file: "a.webm"},
		"sent as 60 ms":    {file: "a.wav", send: []string{"-frame_duration", "60"}},
		"sent as 40 ms":    {file: "a.wav", send: []string{"-frame_duration", "40"}},
		"sent with fec":    {file: "a.wav", send: []string{"-fec", "1", "-packet_loss", "20"}},
		"sent as speech":   {file: "a.wav", send: []string{"-application", "voip", "-b:a", "16k"}},
		"sent as 10k":      {file: "a.wav", send: []string{"-application", "voip", "-b:a", "10k", "-ac", "1"}},
		"sent at 10 ms":    {file: "a.wav", send: []string{"-frame_duration", "10"}},
		"sent as lowdelay": {file: "a.wav", send: []string{"-application", "lowdelay"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), test.file)
			test.spec.Seconds = 3
			require.NoError(t, MakeTones(t.Context(), "ffmpeg", path, test.spec))
			pcm, err := DecodeOpus(sendOpus(t, path, test.send...))
			require.NoError(t, err)
			require.Empty(t, pcm.Gaps)
			require.InDelta(t, 3, pcm.Duration().Seconds(), 0.08)
			require.NoError(t, CheckTones(pcm.Tones(), 0, 3*time.Second, 20*ms))
		})
	}
}

func TestCoverArtIsAPicture(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	path := filepath.Join(t.TempDir(), "a.mp3")
	require.NoError(t, MakeTones(t.Context(), "ffmpeg", path, AudioSpec{Seconds: 1, CoverArt: true}))
	out, _ := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-i", path).CombinedOutput()
	require.Contains(t, string(out), "(attached pic)")
}

func TestTonesLieApart(t *testing.T) {
	t.Parallel()
	var all []float64
	for n := range ToneCount {
		all = append(all, ToneFrequency(n))
		require.GreaterOrEqual(t, math.Abs(ToneFrequency(n+1)-ToneFrequency(n)), 315.0)
	}
	slices.Sort(all)
	for _, f := range all {
		for n := 2.0; n*f < all[ToneCount-1]; n++ {
			require.NotContains(t, all, n*f, "a harmonic")
		}
	}
	require.Len(t, slices.Compact(all), ToneCount)
	require.Equal(t, ToneFrequency(0), ToneFrequency(ToneCount)) //nolint:testifylint // whole numbers
}

// tonePCM is the tones of a file, without any codec.
func tonePCM(seconds int) *PCM { return pcmOf(toneSamples(seconds, SampleRate)) }

func pcmOf(raw []byte) *PCM {
	pcm := &PCM{Samples: make([]float32, len(raw)/2)}
	for i := range pcm.Samples {
		pcm.Samples[i] = float32(int16(uint16(raw[2*i])|uint16(raw[2*i+1])<<8)) / math.MaxInt16
	}
	return pcm
}

func TestToneOnsetsAreExact(t *testing.T) {
	t.Parallel()
	pcm := tonePCM(ToneCount + 2)
	for _, from := range []time.Duration{0, 500 * ms, 20 * time.Second, (ToneCount - 3) * time.Second} {
		part := &PCM{Samples: pcm.Samples[from*SampleRate/time.Second:][:5*SampleRate]}
		require.NoError(t, CheckTones(part.Tones(), from, 5*time.Second, 5*ms))
	}
}

func TestCheckTonesFailsOnWrongSound(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*PCM){
		"nothing":         func(p *PCM) { p.Samples = nil },
		"silence":         func(p *PCM) { clear(p.Samples) },
		"start lost":      func(p *PCM) { clear(p.Samples[:SampleRate/10]) },
		"end lost":        func(p *PCM) { p.Samples = p.Samples[:len(p.Samples)-SampleRate/10] },
		"second lost":     func(p *PCM) { p.Samples = slices.Delete(p.Samples, SampleRate, 2*SampleRate) },
		"last one lost":   func(p *PCM) { p.Samples = p.Samples[:3*SampleRate] },
		"60 ms late":      func(p *PCM) { p.Samples = slices.Insert(p.Samples, 0, make([]float32, 2880)...) },
		"60 ms skipped":   func(p *PCM) { p.Samples = slices.Delete(p.Samples, 72000, 72000+2880) },
		"hole of 60 ms":   func(p *PCM) { clear(p.Samples[72000 : 72000+2880]) },
		"second twice":    func(p *PCM) { p.Samples = slices.Insert(p.Samples, 0, p.Samples[:SampleRate]...) },
		"one too many":    func(p *PCM) { p.Samples = append(p.Samples, tonePCM(1).Samples...) },
		"seconds swapped": func(p *PCM) { copy(p.Samples[SampleRate:], tonePCM(4).Samples[2*SampleRate:3*SampleRate]) },
		"4 % too fast": func(p *PCM) {
			for i := range len(p.Samples) * 96 / 100 {
				p.Samples[i] = p.Samples[i*100/96]
			}
			p.Samples = p.Samples[:len(p.Samples)*96/100]
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pcm := tonePCM(4)
			require.NoError(t, CheckTones(pcm.Tones(), 0, 4*time.Second, 40*ms))
			spoil(pcm)
			require.Error(t, CheckTones(pcm.Tones(), 0, 4*time.Second, 40*ms))
		})
	}
}

func TestNoiseIsNoTone(t *testing.T) {
	t.Parallel()
	pcm := &PCM{Samples: make([]float32, SampleRate)}
	seed := uint32(1)
	for i := range pcm.Samples {
		seed = seed*1664525 + 1013904223
		pcm.Samples[i] = float32(int32(seed)) / math.MaxInt32
	}
	require.Empty(t, pcm.Tones())
	require.Empty(t, pcm.Beeps())
}

func TestDecodeOpusKeepsTheTimeline(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	path := filepath.Join(t.TempDir(), "a.wav")
	require.NoError(t, MakeTones(t.Context(), "ffmpeg", path, AudioSpec{Seconds: 2}))
	packets := sendOpus(t, path)
	t.Run("in any order and twice", func(t *testing.T) {
		t.Parallel()
		shuffled := slices.Clone(packets)
		shuffled[10], shuffled[12] = shuffled[12], shuffled[10]
		shuffled = append(shuffled, packets[20])
		pcm, err := DecodeOpus(shuffled)
		require.NoError(t, err)
		require.Empty(t, pcm.Gaps)
		require.NoError(t, CheckTones(pcm.Tones(), 0, 2*time.Second, 40*ms))
		require.Equal(t, packets[50].Timestamp, pcm.Timestamp(time.Second))
	})
	t.Run("a lost packet is a gap", func(t *testing.T) {
		t.Parallel()
		pcm, err := DecodeOpus(slices.Delete(slices.Clone(packets), 20, 23))
		require.NoError(t, err)
		require.Equal(t, []Gap{{At: 400 * ms, Length: 60 * ms}}, pcm.Gaps)
		require.Error(t, CheckTones(pcm.Tones(), 0, 2*time.Second, 40*ms))
	})
	t.Run("a shifted timestamp shifts the tones", func(t *testing.T) {
		t.Parallel()
		shifted := slices.Clone(packets)
		for i := 25; i < len(shifted); i++ {
			shifted[i].Timestamp += 2880
		}
		pcm, err := DecodeOpus(shifted)
		require.NoError(t, err)
		require.Len(t, pcm.Gaps, 1)
		require.Error(t, CheckTones(pcm.Tones(), 0, 2*time.Second, 40*ms))
	})
	t.Run("an overlap is a negative gap", func(t *testing.T) {
		t.Parallel()
		squeezed := slices.Clone(packets)
		squeezed[30].Timestamp -= 480
		pcm, err := DecodeOpus(squeezed)
		require.NoError(t, err)
		require.Equal(t, []Gap{{At: 600 * ms, Length: -10 * ms}, {At: 610 * ms, Length: 10 * ms}}, pcm.Gaps)
	})
	t.Run("a wild timestamp is refused", func(t *testing.T) {
		t.Parallel()
		wild := slices.Clone(packets)
		wild[len(wild)-1].Timestamp += 1 << 30
		_, err := DecodeOpus(wild)
		require.ErrorContains(t, err, "jumps")
	})
	t.Run("garbage is refused", func(t *testing.T) {
		t.Parallel()
		_, err := DecodeOpus([]Packet{{Payload: []byte{0xff}}})
		require.Error(t, err)
	})
}

func TestMakeSaysWhyItFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.Error(t, MakeTones(t.Context(), "ffmpeg", filepath.Join(dir, "a.mp3"), AudioSpec{}))
	err := MakeTones(t.Context(), filepath.Join(dir, "no-ffmpeg"), filepath.Join(dir, "a.mp3"), AudioSpec{Seconds: 1})
	require.ErrorIs(t, err, os.ErrNotExist)
	skipWithoutFFmpeg(t)
	err = MakeTones(t.Context(), "ffmpeg", filepath.Join(dir, "a.mp3"), AudioSpec{Seconds: 1, Options: []string{"-c:a", "nonesuch"}})
	require.ErrorContains(t, err, "nonesuch")
}
