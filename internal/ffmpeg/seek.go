package ffmpeg

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/models"
)

// seekCheck is the seek of an ffmpeg that begins at a position, to be verified: when
// ffmpeg cannot reach it, it only warns and plays from elsewhere.
type seekCheck struct {
	position time.Duration
	inputs   int // how many there are; ffmpeg describes each once it has tried
}

// logWatch reads ffmpeg's log: how long the inputs are, and how a seek went.
type logWatch struct {
	seekCheck
	done chan struct{} // closed when the last input has been described
	told chan struct{} // closed when all has been said of the inputs

	mu       sync.Mutex // guards the rest
	seen     int
	refused  string        // the line that says a seek failed
	format   string        // of the first input, as ffmpeg calls it
	guessed  bool          // a duration is an estimate
	unknown  bool          // a duration is not known
	duration time.Duration // of the longest input
	output   bool          // told is closed
	shaped   bool          // pictures are turned or cropped, or their pixels are not square
}

// logDelay bounds the wait for lines that ffmpeg wrote before its first frame. Without a
// seek only the length of the media depends on it.
const (
	logDelay     = 250 * time.Millisecond
	logDelaySeek = 2 * time.Second
)

// The lines of ffmpeg's log about an input and a seek in it. A level precedes them, so
// that no value of a tag can look like one.
var (
	seekRefused = regexp.MustCompile(`^(?:\[[^]]*\] ){0,2}\[warning\] .*could not seek to position`)
	inputFormat = regexp.MustCompile(`^\[info\] Input #0, ([0-9A-Za-z_]+)`)
	firstOutput = regexp.MustCompile(`^\[info\] Output #0, `)
	odd         = regexp.MustCompile(`(?i)^\[info\] +(?:display ?matrix: |frame cropping: |Stream #0:.* Video: .*SAR (?:[02-9]|1\d|1:[02-9]|1:1\d))`)
	inputLength = regexp.MustCompile(`^\[info\]   Duration: (N/A|\d+:\d\d:\d\d\.\d+)`)
	levelTag    = regexp.MustCompile(`^((?:\[[^]]*\] ){0,2}?)\[(panic|fatal|error|warning|info)\] `)
)

const durationGuessed = "Estimating duration from bitrate"

func newLogWatch(s seekCheck) *logWatch {
	return &logWatch{seekCheck: s, done: make(chan struct{}), told: make(chan struct{})}
}

// line examines a line of a log with levels. It returns the line without its level, or
// "" if it is not about an error. A line without a level goes on with the one before if
// it is indented; any other is not ffmpeg's.
func (w *logWatch) line(line string) string {
	tag := levelTag.FindStringSubmatch(line)
	switch {
	case tag == nil && strings.HasPrefix(line, " "):
		return ""
	case tag == nil:
		return line
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	length := inputLength.FindStringSubmatch(line)
	switch {
	case seekRefused.MatchString(line):
		w.refused = line[len(tag[0]):]
	case tag[2] == "warning" && strings.Contains(line, durationGuessed):
		w.guessed = true
	case w.format == "" && inputFormat.MatchString(line):
		w.format = inputFormat.FindStringSubmatch(line)[1]
	case !w.output && firstOutput.MatchString(line):
		w.output = true
		close(w.told)
	case !w.output && odd.MatchString(line):
		w.shaped = true
	case length != nil && w.seen < w.inputs:
		d, ok := parseTime(length[1])
		w.unknown = w.unknown || !ok
		w.duration = max(w.duration, d)
		if w.seen++; w.seen == w.inputs {
			close(w.done)
		}
	case length != nil && length[1] != "N/A":
		// More lengths than inputs: the name of a tag, which may have lines, claims one.
		// The input without streams has none.
		w.unknown = true
	}
	if tag[2] == "info" || tag[2] == "warning" {
		return ""
	}
	return tag[1] + line[len(tag[0]):]
}

// result returns the error of the seek, if any. It may be called once ffmpeg has written
// its first frame, or has ended.
func (w *logWatch) result(p *proc.Process) error {
	delay := logDelay
	if w.position > 0 {
		delay = logDelaySeek
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-p.Done():
	case <-timer.C:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	// Where nothing is, some demuxers fail to go and others land before it.
	known := w.seen == w.inputs && !w.unknown && !w.guessed
	if known && w.position > 0 && w.position >= w.duration {
		return fmt.Errorf("%w: nothing at %v of %v: %w", models.ErrFile, w.position, w.duration, io.EOF)
	}
	if w.position > 0 && w.refused != "" {
		return fmt.Errorf("%w: ffmpeg: %s", models.ErrSeekUnsupported, w.refused)
	}
	return nil
}

// plain reports whether pictures are shown as they are coded, once ffmpeg has written its
// first frame.
func (w *logWatch) plain() bool {
	timer := time.NewTimer(logDelaySeek)
	defer timer.Stop()
	select {
	case <-w.told:
	case <-timer.C:
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.shaped
}

// length returns how long the longest input is, or 0 if that is not known of each, and
// whether it is an estimate.
func (w *logWatch) length() (d time.Duration, guessed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen < w.inputs || w.unknown {
		return 0, false
	}
	return w.duration, w.guessed
}

// inputs of Ogg have their tags in the track rather than the file.
func (w *logWatch) tagsInTrack() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.format == "" || w.format == "ogg"
}

// ffmpegTime is ffmpeg's syntax of a duration: [HH:]MM:SS[.m] or S[.m] with a
// unit.
var ffmpegTime = regexp.MustCompile(`^(?:(?:(\d+):)?([0-5]?\d):([0-5]?\d)(\.\d*)?|(\d+)(\.\d*)?(s|ms|us)?)$`)

// parseTime parses a time in ffmpeg's syntax, except negative ones.
func parseTime(s string) (time.Duration, bool) {
	m := ffmpegTime.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	unit := map[string]time.Duration{"ms": time.Millisecond, "us": time.Microsecond}[m[7]]
	if unit == 0 {
		unit = time.Second
	}
	fraction := m[4] + m[6]
	total := float64(0)
	for _, part := range []struct {
		digits string
		worth  time.Duration
	}{{m[1], time.Hour}, {m[2], time.Minute}, {m[3], time.Second}, {m[5], unit}} {
		n, err := strconv.ParseUint("0"+part.digits, 10, 64)
		if err != nil {
			return 0, false
		}
		total += float64(n) * float64(part.worth)
	}
	f, err := strconv.ParseFloat("0"+strings.TrimSuffix(fraction, ".")+"e0", 64)
	if total += f * float64(unit); err != nil || total > float64(container.MaxPTS) {
		return 0, false
	}
	return time.Duration(total).Round(time.Microsecond), true
}
