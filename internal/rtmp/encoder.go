package rtmp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Encoder encodes pictures and sound for one publication after another. Picture and
// Sound are for one goroutine at a time, the other methods for any.
type Encoder interface {
	// Picture encodes a picture at a time, which never decreases, and Sound
	// samples of which the first is at a time. Both block until it is taken.
	Picture(at time.Duration, yuv []byte) error
	Sound(at time.Duration, pcm []byte) error
	// Expect keeps the output for the next publication, from the picture
	// at a time on, which must be the first for KeyInterval.
	Expect(from time.Duration)
	// Attach publishes the output that was kept, and all that follows. Detach
	// discards both.
	Attach(c Conn)
	Detach()
	// Ready is closed when something can be published, Done when the encoder has
	// ended.
	Ready() <-chan struct{}
	Done() <-chan struct{}
	// Kill ends the encoder at once. Close lets it finish, within some time, waits
	// until all has been published and returns how it ended; no Picture or Sound
	// may run or follow. It is idempotent.
	Kill()
	Close(grace time.Duration) error
}

// maxKept bounds the tags that wait for a publication. Two ticks make less than a
// hundred, at one picture a second.
const maxKept = 256

// encoder is an ffmpeg.
type encoder struct {
	process *proc.Process
	stdin   *os.File
	head    []byte // owned by the goroutine of Picture and Sound

	ready   chan struct{} // closed when there are all headers
	read    chan struct{} // closed when all of the output has been read
	closing sync.Once

	// owned by the pump
	headers []Tag // script data, H.264, AAC
	shift   time.Duration
	shifted bool // shift is known

	mu      sync.Mutex // guards what follows
	expects bool
	from    time.Duration // when the expected publication begins, in the encoder's time
	begun   bool          // it has
	base    time.Duration // when it began, in FLV's time
	kept    []Tag
	conn    Conn
}

// startEncoder runs ffmpeg. The caller must Close the encoder. An error wraps
// models.ErrFFmpegSpawn.
func startEncoder(env media.Env, f Format) (*encoder, error) {
	input, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	defer input.Close()
	args := ffmpeg.Publication{Format: f.Format, VideoKbps: f.VideoKbps, AudioKbps: f.AudioKbps, KeyInterval: KeyInterval}
	process, err := proc.Start(proc.Config{
		Path:     cmp.Or(env.FFmpegPath, "ffmpeg"),
		Args:     args.Args(),
		Stdin:    input,
		OnStderr: func(line string) string { return logLine(env, line) },
	})
	if err != nil {
		stdin.Close()
		return nil, err
	}
	e := &encoder{process: process, stdin: stdin, ready: make(chan struct{}), read: make(chan struct{})}
	e.head = container.AppendRawHeader(nil, f.Format)
	go e.pump() // ends with the process; Close waits for it
	return e, nil
}

// logLine logs a line of standard error, if that is asked for.
func logLine(env media.Env, line string) string {
	if env.LogStderr && env.Logger != nil {
		env.Logger.Info("ffmpeg", slog.String("stderr", line))
	}
	return line
}

func (e *encoder) Ready() <-chan struct{} { return e.ready }
func (e *encoder) Done() <-chan struct{}  { return e.process.Done() }
func (e *encoder) Kill()                  { e.process.Kill() }

func (e *encoder) Picture(at time.Duration, yuv []byte) error {
	return e.block(media.TrackVideo, at, yuv)
}

func (e *encoder) Sound(at time.Duration, pcm []byte) error {
	return e.block(media.TrackAudio, at, pcm)
}

func (e *encoder) block(track media.Track, at time.Duration, data []byte) error {
	e.head = container.AppendRawBlock(e.head, track, at, len(data))
	_, err := e.stdin.Write(e.head)
	e.head = e.head[:0]
	if err == nil {
		_, err = e.stdin.Write(data)
	}
	return err
}

func (e *encoder) Expect(from time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expects, e.from, e.begun, e.kept, e.conn = true, from, false, nil, nil
}

func (e *encoder) Attach(c Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn = c
}

func (e *encoder) Detach() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expects, e.kept, e.conn = false, nil, nil
}

// pump reads the output to its end, and passes it on. There is no queue: a server
// that takes nothing stops the pump, the pump ffmpeg, and ffmpeg its writer.
func (e *encoder) pump() {
	defer close(e.read)
	defer e.process.Stdout().Close()
	tags, err := newTagReader(e.process.Stdout())
	for err == nil {
		var t Tag
		if t, err = tags.next(); err == nil && t.known() {
			e.accept(t)
		}
	}
	e.process.Kill() // it has ended, or its output is broken
}

// accept keeps or publishes a tag.
func (e *encoder) accept(t Tag) {
	if t.header() {
		e.addHeader(t)
		return
	}
	if t.Kind == KindVideo && !e.shifted {
		// The first picture was written at 0. The time before it is the delay
		// of the sound's encoder.
		e.shift, e.shifted = t.At, true
	}
	conn, tags := e.due(t)
	for _, t := range tags {
		if conn.Write(t) != nil {
			return // the conn reports why; the rest is read and dropped
		}
	}
}

func (e *encoder) addHeader(t Tag) {
	if i := slices.IndexFunc(e.headers, func(h Tag) bool { return h.Kind == t.Kind }); i >= 0 {
		e.headers[i] = t
		return
	}
	e.headers = append(e.headers, t)
	if len(e.headers) == 3 {
		close(e.ready)
	}
}

// due returns the tags to be published now that t has come, and where.
func (e *encoder) due(t Tag) (Conn, []Tag) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !e.expects:
		return nil, nil
	case !e.begun && !e.begins(t):
		// Sound may come before the picture it belongs to, and waits for it.
		if t.Kind == KindAudio && len(e.kept) < maxKept {
			e.kept = append(e.kept, t)
		}
		return nil, nil
	case !e.begun:
		e.begin(t)
	default:
		t.At -= e.base
		if t.At >= 0 && (e.conn != nil || len(e.kept) < maxKept) {
			e.kept = append(e.kept, t)
		}
	}
	if e.conn == nil {
		return nil, nil
	}
	tags := e.kept
	e.kept = nil
	return e.conn, tags
}

// begins reports whether the expected publication begins with a tag. FLV's times are
// rounded to milliseconds.
func (e *encoder) begins(t Tag) bool { return t.key() && t.At-e.shift+sameInstant >= e.from }

// begin keeps the beginning: all headers, the picture, and the sound since.
func (e *encoder) begin(first Tag) {
	sound := e.kept
	e.begun, e.base, e.kept = true, first.At, nil
	for _, t := range slices.Concat(e.headers, []Tag{first}) {
		t.At = 0
		e.kept = append(e.kept, t)
	}
	for _, t := range sound {
		if t.At -= e.base; t.At >= 0 {
			e.kept = append(e.kept, t)
		}
	}
}

func (e *encoder) Close(grace time.Duration) error {
	e.closing.Do(func() { e.stdin.Close() })
	timer := time.AfterFunc(grace, e.process.Kill)
	defer timer.Stop()
	err := e.process.Wait()
	<-e.read
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", models.ErrFFmpegCrashed, firstWords(err))
}

// firstWords puts ffmpeg's first line of standard error, which names the cause, before
// the error.
func firstWords(err error) error {
	var failure *models.FFmpegError
	if !errors.As(err, &failure) {
		return err
	}
	if first, _, more := strings.Cut(failure.Stderr, "\n"); more {
		return fmt.Errorf("%s: %w", first, err)
	}
	return err
}
