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

// seekTo returns the check of a seek; none for the start.
func seekTo(position time.Duration, inputs int) seekCheck {
	if position == 0 {
		return seekCheck{}
	}
	return seekCheck{position: position, inputs: inputs}
}

// seekWatch checks a seek by the lines of ffmpeg's log.
type seekWatch struct {
	seekCheck
	done chan struct{} // closed when the last input has been described

	mu       sync.Mutex // guards the rest
	seen     int
	refused  string        // the line that says a seek failed
	guessed  bool          // a duration is an estimate
	unknown  bool          // a duration is not known
	duration time.Duration // of the longest input
}

// logDelay bounds the wait for lines that ffmpeg wrote before its first frame.
const logDelay = 2 * time.Second

// The lines of ffmpeg's log about a seek. A level precedes them, so that no tag of the
// media can look like one.
var (
	seekRefused = regexp.MustCompile(`^(\[[^]]*\] )?\[warning\] .*could not seek to position`)
	inputLength = regexp.MustCompile(`^\[info\]   Duration: (N/A|\d+:\d\d:\d\d\.\d+)`)
	levelTag    = regexp.MustCompile(`^(\[[^]]*\] )?\[(panic|fatal|error|warning|info)\] `)
)

const durationGuessed = "Estimating duration from bitrate"

func newSeekWatch(s seekCheck) *seekWatch {
	return &seekWatch{seekCheck: s, done: make(chan struct{})}
}

// line examines a line of a log with levels. It returns the line without its level, or
// "" if it is not about an error.
func (w *seekWatch) line(line string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	tag := levelTag.FindStringSubmatch(line)
	if tag == nil {
		return ""
	}
	length := inputLength.FindStringSubmatch(line)
	switch {
	case seekRefused.MatchString(line):
		w.refused = line[len(tag[0]):]
	case tag[2] == "warning" && strings.Contains(line, durationGuessed):
		w.guessed = true
	case length != nil && w.seen < w.inputs:
		d, ok := parseTime(length[1])
		w.unknown = w.unknown || !ok
		w.duration = max(w.duration, d)
		if w.seen++; w.seen == w.inputs {
			close(w.done)
		}
	}
	if tag[2] == "info" || tag[2] == "warning" {
		return ""
	}
	return tag[1] + line[len(tag[0]):]
}

// result returns the error of the seek, if any. It may be called once ffmpeg has written
// its first frame, or has ended.
func (w *seekWatch) result(p *proc.Process) error {
	timer := time.NewTimer(logDelay)
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
	if w.refused != "" {
		return fmt.Errorf("%w: ffmpeg: %s", models.ErrSeekUnsupported, w.refused)
	}
	return nil
}

// finite reports whether all inputs have a known length.
func (w *seekWatch) finite() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen == w.inputs && !w.unknown && w.duration > 0
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
