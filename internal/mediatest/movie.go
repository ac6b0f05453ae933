package mediatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MovieSpec says what MakeMovie makes.
type MovieSpec struct {
	// Width and Height may be odd; the picture is then 4:4:4.
	Width, Height int
	// FPS is a number or a fraction such as "30000/1001"; empty means "30".
	FPS string
	// Duration is rounded to whole frames; both tracks end together.
	Duration time.Duration
	// NoAudio leaves the audio track out.
	NoAudio bool
	// Tones makes the audio that of MakeTones, in place of beeps.
	Tones bool
	// Sweep makes it that of MakeSweep.
	Sweep bool
	// Options are ffmpeg output options. They come last and win over the
	// defaults.
	Options []string
}

// MakeMovie writes a movie in which each frame shows its number, counted from
// 0, and at each whole second but the first the picture flashes and a beep of
// 100 ms begins, at the same media time. The extension of path selects the
// container and the codecs: VP8 and Opus in .webm, H.264 and FLAC in .mkv, else
// H.264 and AAC.
func MakeMovie(ctx context.Context, ffmpeg, path string, spec MovieSpec) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make movie: %w", err)
		}
	}()
	rate, err := parseRate(spec.FPS)
	if err != nil {
		return err
	}
	frames := rate.frames(spec.Duration)
	if frames <= 0 || frames > maxCounter || spec.Width <= 0 || spec.Height <= 0 {
		return errors.New("no size, no length or too long")
	}
	flashes := rate.flashes(frames)
	args := []string{
		"-y", "-f", "rawvideo", "-pix_fmt", "gray", "-video_size", fmt.Sprintf("%dx%d", gridColumns, gridRows),
		"-framerate", rate.String(), "-i", "pipe:0",
	}
	if !spec.NoAudio {
		sound, err := writeSound(path, spec, rate, frames, flashes)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(sound)) }()
		args = append(args, "-f", "s16le", "-ar", strconv.Itoa(SampleRate), "-ac", "1", "-i", "file:"+sound, "-ac", "2")
	}
	if spec.Sweep {
		args = append(args, "-b:a", sweepBitrate)
	}
	pixels := "yuv420p"
	if spec.Width%2+spec.Height%2 > 0 {
		pixels = "yuv444p"
	}
	args = append(args, "-vf", fmt.Sprintf("scale=%d:%d:flags=neighbor,format=%s", spec.Width, spec.Height, pixels))
	switch filepath.Ext(path) {
	case ".webm":
		args = append(args, "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-c:a", "libopus")
	case ".mkv":
		// Matroska cannot say that AAC begins 21 ms before the picture.
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac")
	default:
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
	}
	args = append(append(args, spec.Options...), path)
	return run(ctx, ffmpeg, bytes.NewReader(drawFrames(frames, flashes)), args...)
}

// writeSound writes the raw samples beside the movie, because ffmpeg has only
// one standard input.
func writeSound(path string, spec MovieSpec, rate frameRate, frames int, flashes []flash) (string, error) {
	samples := int(rate.at(frames) * SampleRate / time.Second)
	var pcm []byte
	switch seconds := samples/SampleRate + 1; {
	case spec.Sweep:
		pcm = sweepSamples(seconds, SampleRate)[:2*samples]
	case spec.Tones:
		pcm = toneSamples(seconds, SampleRate)[:2*samples]
	default:
		pcm = beepSamples(samples, rate, flashes)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "sound-*.pcm")
	if err != nil {
		return "", err
	}
	_, err = f.Write(pcm)
	return f.Name(), errors.Join(err, f.Close())
}

func beepSamples(samples int, rate frameRate, flashes []flash) []byte {
	pcm := make([]byte, 0, 2*samples)
	for _, f := range flashes {
		onset := int(rate.at(f.first) * SampleRate / time.Second)
		pcm = append(pcm, make([]byte, 2*onset-len(pcm))...)
		for i := range int(beepLength * SampleRate / time.Second) {
			pcm = appendSample(pcm, beepAmplitude*sine(beepFrequency, i, SampleRate))
		}
	}
	return append(pcm, make([]byte, max(0, 2*samples-len(pcm)))...)
}

// drawFrames draws one pixel for each block; ffmpeg makes the blocks.
func drawFrames(frames int, flashes []flash) []byte {
	raw := make([]byte, 0, frames*gridColumns*gridRows)
	for n := range frames {
		lit := slices.ContainsFunc(flashes, func(f flash) bool { return n >= f.first && n < f.end })
		raw = appendGrid(raw, n, lit)
	}
	return raw
}

// flash is the frames first, first+1, …, end-1.
type flash struct{ first, end int }

// frameRate is a fraction.
type frameRate struct{ num, den int64 }

func parseRate(s string) (frameRate, error) {
	if s == "" {
		return frameRate{30, 1}, nil
	}
	num, den, fraction := strings.Cut(s, "/")
	if !fraction {
		den = "1"
	}
	n, err := strconv.ParseInt(num, 10, 32)
	d, err2 := strconv.ParseInt(den, 10, 32)
	if err := errors.Join(err, err2); err != nil || n <= 0 || d <= 0 {
		return frameRate{}, fmt.Errorf("frame rate %q is not a positive number or fraction", s)
	}
	return frameRate{n, d}, nil
}

func (r frameRate) String() string { return fmt.Sprintf("%d/%d", r.num, r.den) }

// at is when frame n is due, rounded up to a nanosecond.
func (r frameRate) at(n int) time.Duration {
	ticks := int64(n) * r.den * int64(time.Second)
	return time.Duration((ticks + r.num - 1) / r.num)
}

// frames is d in frames, rounded.
func (r frameRate) frames(d time.Duration) int {
	unit := r.den * int64(time.Second)
	return int((int64(d)*r.num + unit/2) / unit)
}

// flashes begin at the first frame at or after each whole second and last as
// long as the beep, at least two frames. One that would be cut short by the
// end is left out.
func (r frameRate) flashes(frames int) []flash {
	var all []flash
	for second := int64(1); ; second++ {
		first := int((second*r.num + r.den - 1) / r.den)
		end := first + max(2, r.frames(beepLength))
		if end > frames || r.at(first)+beepLength > r.at(frames) {
			return all
		}
		if n := len(all); n == 0 || first > all[n-1].end { // frames may be rarer than seconds
			all = append(all, flash{first, end})
		}
	}
}
