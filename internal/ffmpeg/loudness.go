package ffmpeg

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Loudness is that of a whole input.
type Loudness struct {
	LUFS float64 // EBU R 128, integrated
	Peak float64 // the highest, in dB of full scale; +Inf if it is not known
}

// silence is where the loudness of an input says nothing: it is nearly all noise. R 128
// itself ignores what is below -70.
const silence = -60

// maxGain bounds the gain that a loudness takes, in dB: a measurement may be wrong.
const maxGain = 12

// ceiling is where peaks may come by a gain, in dB of full scale.
const ceiling = -1

// Gain returns by how many dB the input is to be amplified for a loudness in LUFS.
func (l Loudness) Gain(target float64) float64 {
	if l.LUFS <= silence || math.IsNaN(l.LUFS) {
		return 0
	}
	gain := max(-maxGain, min(target-l.LUFS, maxGain))
	return min(gain, max(0, ceiling-l.Peak))
}

// Meter measures the loudness of an input: by its tags, or else by listening to all of it
// or, if it is long, to parts of it. A second of sound takes 3 ms.
type Meter struct {
	input []string      // its options and its name, without -i
	whole time.Duration // what is no longer than this is heard whole
	parts int           // how many parts of it make up as much
}

// FileMeter measures a local file.
func FileMeter(path string) Meter {
	return Meter{
		input: slices.Concat(limits(), []string{"-threads", "1", "-protocol_whitelist", "file", "-format_whitelist", formats, "file:" + path}),
		whole: 2 * time.Minute, parts: 6,
	}
}

// FetchedMeter measures a resource served at a loopback address, of which little is
// fetched.
func FetchedMeter(address string) Meter {
	return Meter{
		input: slices.Concat(limits(), []string{
			"-threads", "1", "-protocol_whitelist", "http,tcp", "-format_whitelist", formats, "-http_proxy", "none", address,
		}),
		whole: 30 * time.Second, parts: 3,
	}
}

// Measure returns the loudness of the input.
func (m Meter) Measure(ctx context.Context, env media.Env) (Loudness, error) {
	first := newReading(m.whole)
	err := m.run(ctx, env, m.args(m.part(0, m.whole)), first)
	if length, long := first.long(); long && ctx.Err() == nil {
		var parts [][]string
		for i := range m.parts {
			each := m.whole / time.Duration(m.parts)
			parts = append(parts, m.part((length-each)*time.Duration(i)/time.Duration(max(1, m.parts-1)), each))
		}
		first = newReading(0)
		err = m.run(ctx, env, m.args(parts...), first)
	}
	l, ok := first.loudness()
	switch {
	case ctx.Err() != nil:
		return Loudness{}, context.Cause(ctx)
	case ok:
		return l, nil
	}
	return Loudness{}, fmt.Errorf("%w: no loudness: %w", models.ErrFile, err)
}

// part are the options of a part of the input.
func (m Meter) part(from, length time.Duration) []string {
	n := len(m.input) - 1
	return slices.Concat(m.input[:n], startAt(from), []string{"-t", seconds(length), "-i", m.input[n]})
}

// args is the whole command line that measures parts as if they were one.
func (m Meter) args(parts ...[]string) []string {
	graph := "[0:a:0]"
	for i := 1; i < len(parts); i++ {
		graph += fmt.Sprintf("[%d:a:0]", i)
	}
	if len(parts) > 1 {
		graph += fmt.Sprintf("concat=n=%d:v=0:a=1,", len(parts))
	}
	graph += "aformat=channel_layouts=stereo,ebur128=peak=true:framelog=verbose"
	return slices.Concat(watchedArgs(), slices.Concat(parts...), []string{"-filter_complex", graph, "-f", "null", "-"})
}

// run runs ffmpeg until it has ended, or a reading needs no more of it.
func (m Meter) run(ctx context.Context, env media.Env, args []string, r *reading) error {
	p, err := proc.Start(proc.Config{Path: cmp.Or(env.FFmpegPath, "ffmpeg"), Args: args, OnStderr: r.line})
	if err != nil {
		return err
	}
	defer p.Stdout().Close()
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	select {
	case <-r.enough:
		p.Kill()
	case <-p.Done():
	}
	return cmp.Or(p.Wait(), errNoLoudness)
}

var errNoLoudness = fmt.Errorf("ffmpeg: %w", models.ErrFile)

// reading is what an ffmpeg that measures says.
type reading struct {
	whole  time.Duration // 0: it is measured as it is
	enough chan struct{} // closed when nothing more is needed

	mu     sync.Mutex // guards the rest
	done   bool       // enough is closed
	length time.Duration
	tagged *Loudness // by the tags
	heard  Loudness
	got    bool
}

func newReading(whole time.Duration) *reading {
	return &reading{whole: whole, enough: make(chan struct{}), heard: Loudness{Peak: math.Inf(1)}}
}

// The lines of the log about loudness. A file that forges them could as well lie in its
// tags: the gain is bounded.
var (
	gainTag   = regexp.MustCompile(`^\[info\] +[Rr]eplay ?[Gg]ain: track gain - (-?[0-9.]+), track peak - (unknown|[0-9.]+)`)
	r128Tag   = regexp.MustCompile(`^\[info\] +R128_TRACK_GAIN *: (-?\d{1,6})$`)
	mapping   = "[info] Stream mapping:"
	heardLUFS = regexp.MustCompile(`^ +I: +(-?[0-9.]+) LUFS$`)
	heardPeak = regexp.MustCompile(`^ +Peak: +(-?[0-9.]+|-inf) dBFS$`)
)

// The references of tags, in LUFS: of ReplayGain 2.0 and of R 128.
const (
	replayGainLUFS = -18
	r128LUFS       = -23
)

// line reads a line, and returns it if it is about an error.
func (r *reading) line(line string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return math.Inf(-1) // -inf is silence
		}
		return v
	}
	switch {
	case strings.HasPrefix(line, mapping):
		r.decide()
	case gainTag.MatchString(line) && r.tagged == nil:
		m := gainTag.FindStringSubmatch(line)
		r.tagged = &Loudness{LUFS: replayGainLUFS - number(m[1]), Peak: math.Inf(1)}
		if m[2] != "unknown" {
			r.tagged.Peak = 20 * math.Log10(number(m[2]))
		}
	case r128Tag.MatchString(line) && r.tagged == nil:
		r.tagged = &Loudness{LUFS: r128LUFS - number(r128Tag.FindStringSubmatch(line)[1])/256, Peak: math.Inf(1)}
	case heardLUFS.MatchString(line):
		r.heard.LUFS, r.got = number(heardLUFS.FindStringSubmatch(line)[1]), true
	case heardPeak.MatchString(line):
		r.heard.Peak = number(heardPeak.FindStringSubmatch(line)[1])
	case inputLength.MatchString(line) && r.length == 0:
		r.length, _ = parseTime(inputLength.FindStringSubmatch(line)[1])
	}
	if tag := levelTag.FindStringSubmatch(line); tag != nil && (tag[2] == "error" || tag[2] == "fatal") {
		return tag[1] + line[len(tag[0]):]
	}
	return ""
}

// decide closes enough if the tags say everything, or the input is too long to be heard
// whole. A gain by tags without a peak could make it clip, so the peak is measured.
func (r *reading) decide() {
	known := r.tagged != nil && (!math.IsInf(r.tagged.Peak, 1) || r.tagged.LUFS >= loudest)
	if !r.done && r.whole > 0 && (known || r.length > r.whole) {
		r.done = true
		close(r.enough)
	}
}

// loudest is the highest loudness that can be asked for, in LUFS: what is louder is never
// amplified.
const loudest = -5

// long returns the length of an input that is to be measured by parts, or false.
func (r *reading) long() (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.length, r.done && r.length > r.whole && (r.tagged == nil || math.IsInf(r.tagged.Peak, 1) && r.tagged.LUFS < loudest)
}

// loudness returns what was found: by the tags, with the peak that was heard if they have
// none, or else what was heard.
func (r *reading) loudness() (Loudness, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tagged == nil {
		return r.heard, r.got
	}
	l := *r.tagged
	l.Peak = min(l.Peak, r.heard.Peak)
	return l, true
}
