package proc

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// Bounds on standard error. A line reaches onLine up to maxRaw, more than ffmpeg
// writes in one (64 KiB, av_log_default_callback): only a whole URL can be found in
// it. What is kept of a line is maxLine: its two ends, as a long name stands in the
// middle and the reason last.
const (
	maxTail = 4 << 10
	maxLine = 1 << 10
	maxRaw  = 72 << 10
)

// tail keeps the last whole lines written to it, as onLine returns them.
type tail struct {
	onLine func(string) string // takes a line of up to maxRaw; may be nil; called without mu

	// owned by the one writer
	partial []byte

	mu    sync.Mutex // guards lines and size
	lines []string
	size  int
}

func (t *tail) write(p []byte) {
	for len(p) > 0 {
		// ffmpeg ends its progress lines with a carriage return.
		i := bytes.IndexAny(p, "\r\n")
		if i < 0 {
			t.extend(p)
			break
		}
		t.extend(p[:i])
		t.endLine()
		p = p[i+1:]
	}
}

func (t *tail) extend(p []byte) {
	t.partial = append(t.partial, p[:min(len(p), maxRaw-len(t.partial))]...)
}

func (t *tail) endLine() {
	line := strings.ToValidUTF8(string(t.partial), "\uFFFD")
	t.partial = t.partial[:0]
	if cap(t.partial) > maxTail {
		t.partial = nil
	}
	if strings.TrimSpace(line) == "" {
		return
	}
	if t.onLine != nil {
		line = t.onLine(line)
	}
	if line == "" {
		return
	}
	line = shorten(address.ReplaceAllString(line, "]"))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	t.size += len(line) + 1
	for t.size > maxTail && len(t.lines) > 1 {
		t.size -= len(t.lines[0]) + 1
		t.lines = t.lines[1:]
	}
}

// address is that of a context in ffmpeg's memory: [mov,mp4 @ 0x55d0c1a4f7c0].
var address = regexp.MustCompile(` @ (0x)?[0-9a-fA-F]{6,16}\]`)

// shorten takes the middle out of a line longer than maxLine.
func shorten(line string) string {
	const mark = " … "
	if len(line) <= maxLine {
		return line
	}
	half := (maxLine - len(mark)) / 2
	// A cut character is left out.
	return strings.ToValidUTF8(line[:half], "") + mark + strings.ToValidUTF8(line[len(line)-half:], "")
}

// text is the tail, with a last line that was not ended. The writer must be done.
func (t *tail) text() string {
	if len(t.partial) > 0 {
		t.endLine()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
