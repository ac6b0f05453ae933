package media

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/models"
)

// exitGrace is how long a process may live on after it has closed its output.
// ffmpeg needs milliseconds.
const exitGrace = 3 * time.Second

// pictureBuffer is two and a half seconds at the default bitrates, and a quarter of
// what Linux lets a user's pipe have.
const pictureBuffer = 256 << 10

// readBuffer holds a few frames: the pipe behind it is the real buffer.
const readBuffer = 16 << 10

// command is a process that writes one container to its standard output.
type command struct {
	path   string
	args   []string
	want   Track                    // an output with none of these is an error
	holds  payload                  // what the frames are
	redact func(line string) string // takes secrets out of standard error; may be nil

	// lost reports whether a line of standard error says that the input was
	// lost, which ffmpeg takes for its end and exits with status 0; may be
	// nil.
	lost func(line string) bool

	// inputErr returns why the input was lost, or nil when all of it was
	// handed to the process; it is asked at the end of the output. May be nil.
	inputErr func() error

	// resumed returns how often the input was asked for again where its
	// server had hung up. May be nil.
	resumed func() uint64

	// release gives back what the input needs. It is called once, when the
	// process is gone. May be nil.
	release func()

	// seek is the position that an ffmpeg with watchedArgs begins at; zero for
	// any other command.
	seek seeking

	// interval is the least a video frame lasts: a header may tell the rate
	// of the source, before frames were dropped. 0 means nothing.
	interval time.Duration
}

// buffer is how far ahead of the reader the encoder may run: some seconds, which
// carry a picture over a moment without a processor. Sound needs no more than a
// system's default.
func (c command) buffer() int {
	if c.want.Has(TrackVideo) {
		return pictureBuffer
	}
	return 0
}

// demuxer takes a container apart.
type demuxer interface {
	// tracks reports the tracks that the header announces.
	tracks() Track
	// next returns the next frame, whose Data is valid until the next call,
	// and io.EOF only where the container may end.
	next() (Frame, error)
}

// encoder is the Stream of one process.
type encoder struct {
	// immutable after openEncoder
	process *proc.Process
	cmd     command
	demuxer demuxer

	lost  string     // why the input was lost; owned by the process until it is done
	watch *seekWatch // nil when there is no seek; immutable

	// owned by the reader
	first    Frame // read ahead by openEncoder
	hasFirst bool
	origin   time.Duration // the first frame's time in the container
	end      error         // what ReadFrame returned last, once it has failed

	closed atomic.Bool
	close  sync.Once
}

// openEncoder starts a process and reads up to its first frame. When it fails, the
// command's input is released.
func openEncoder(ctx context.Context, env Env, cmd command) (*encoder, error) {
	e := &encoder{cmd: cmd}
	if err := ctx.Err(); err != nil {
		e.release()
		return nil, err
	}
	if cmd.seek.inputs > 0 {
		e.watch = newSeekWatch(cmd.seek)
	}
	var err error
	e.process, err = proc.Start(proc.Config{Path: cmd.path, Args: cmd.args, OnStderr: e.onStderr(env), Buffer: cmd.buffer()})
	if err != nil {
		e.release()
		return nil, err
	}
	stop := context.AfterFunc(ctx, e.process.Kill)
	err = e.readFirst()
	if e.watch != nil && e.inputErr() == nil {
		// A seek that went wrong explains everything else.
		err = cmp.Or(e.watch.result(e.process), err)
	}
	stop()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

// readFirst reads the header and the first frame of a wanted track.
func (e *encoder) readFirst() error {
	d, err := newDemuxer(bufio.NewReaderSize(e.process.Stdout(), readBuffer), e.cmd.holds, e.cmd.want)
	if err == nil {
		e.demuxer = d
		if d.tracks()&e.cmd.want == 0 {
			return fmt.Errorf("%w: it has %v, want %v", models.ErrFile, d.tracks(), e.cmd.want)
		}
		e.first, err = e.nextWanted()
	}
	if err != nil {
		return e.openError(err)
	}
	e.hasFirst = true
	e.origin = e.first.PTS
	return nil
}

func (e *encoder) nextWanted() (Frame, error) {
	for {
		f, err := e.demuxer.next()
		if err != nil || e.cmd.want.Has(f.Track) {
			return f, err
		}
	}
}

func (e *encoder) Tracks() Track { return e.demuxer.tracks() & e.cmd.want }

func (e *encoder) ReadFrame() (Frame, error) {
	if e.closed.Load() {
		return Frame{}, errStreamClosed()
	}
	if e.end != nil {
		return Frame{}, e.end
	}
	f, err := e.first, error(nil)
	if !e.hasFirst {
		f, err = e.nextWanted()
	}
	e.hasFirst, e.first = false, Frame{}
	if err != nil {
		e.end = e.playError(err)
		if e.closed.Load() {
			return Frame{}, errStreamClosed()
		}
		return Frame{}, e.end
	}
	// The other track may begin a moment before the first frame in the file.
	f.PTS = max(0, f.PTS-e.origin)
	if f.Track == TrackVideo && f.Duration != 0 {
		f.Duration = max(f.Duration, e.cmd.interval)
	}
	return f, nil
}

func (e *encoder) Close() error {
	e.closed.Store(true)
	e.close.Do(func() {
		e.process.Kill()
		e.process.Stdout().Close()
		_ = e.process.Wait() // it was killed: how it ended says nothing
		e.release()
	})
	_ = e.process.Wait()
	return nil
}

// inputErr returns why the input was lost, or nil.
func (e *encoder) inputErr() error {
	if e.cmd.inputErr == nil {
		return nil
	}
	return e.cmd.inputErr()
}

// Restarts returns how often the input was asked for again.
func (e *encoder) Restarts() uint64 {
	if e.cmd.resumed == nil {
		return 0
	}
	return e.cmd.resumed()
}

func (e *encoder) release() {
	if e.cmd.release != nil {
		e.cmd.release()
	}
}

// openError says why there is no first frame.
func (e *encoder) openError(err error) error {
	var failure *models.FFmpegError
	exit := e.exit(err)
	// A lost input explains whatever ffmpeg made of it.
	if lost := e.inputErr(); lost != nil {
		return fmt.Errorf("%w: %w", models.ErrFile, lost)
	}
	if errors.As(exit, &failure) {
		kind := models.ErrFile
		if failure.Signal != "" {
			kind = models.ErrFFmpegCrashed
		}
		return describe(kind, failure)
	}
	switch {
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", models.ErrFile, err)
	case e.lost != "":
		return fmt.Errorf("%w: %s", models.ErrFile, e.lost)
	}
	return fmt.Errorf("%w: nothing to play: %w", models.ErrFile, io.EOF)
}

// playError says why there is no further frame: io.EOF when all went well.
func (e *encoder) playError(err error) error {
	var failure *models.FFmpegError
	exit := e.exit(err)
	if lost := e.inputErr(); lost != nil {
		return fmt.Errorf("%w: %w", models.ErrFile, lost)
	}
	if errors.As(exit, &failure) {
		return describe(models.ErrFFmpegCrashed, failure)
	}
	switch {
	case !errors.Is(err, io.EOF):
	case e.lost != "":
		return fmt.Errorf("%w: %s", models.ErrFile, e.lost)
	default:
		return io.EOF
	}
	return fmt.Errorf("%w: its output is broken: %w", models.ErrFFmpegCrashed, err)
}

// exit waits for the process and reports how it ended by itself. A process that
// writes garbage or stays alive behind a closed output is killed, and its end
// says nothing.
func (e *encoder) exit(cause error) error {
	grace := exitGrace
	if !errors.Is(cause, io.EOF) && !errors.Is(cause, io.ErrUnexpectedEOF) {
		grace = 0
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-e.process.Done():
		return e.process.Wait()
	case <-timer.C:
		e.process.Kill()
		_ = e.process.Wait()
		return nil
	}
}

// newDemuxer picks a demuxer by the first bytes and reads the header.
func newDemuxer(r *bufio.Reader, holds payload, want Track) (demuxer, error) {
	magic, err := r.Peek(4)
	switch {
	case len(magic) == 0 && err != nil:
		return nil, err
	case bytes.Equal(magic, []byte("OggS")):
		return newOgg(r)
	case bytes.Equal(magic, []byte("DKIF")):
		return newIVF(r)
	case bytes.Equal(magic, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		return newMatroska(r, holds, want)
	}
	return nil, fmt.Errorf("output starts with %q: not Ogg, IVF or Matroska", magic)
}

func errStreamClosed() error { return fmt.Errorf("read frame: stream: %w", models.ErrClosed) }

func (e Env) ffmpegPath() string {
	if e.FFmpegPath == "" {
		return "ffmpeg"
	}
	return e.FFmpegPath
}

// onStderr is what is done with each line of standard error. What it returns may
// be shown: it is about an error, and has no secret in it.
func (e *encoder) onStderr(env Env) func(string) string {
	return func(line string) string {
		if e.watch != nil {
			line = e.watch.line(line)
		}
		if line == "" {
			return ""
		}
		lost := e.cmd.lost != nil && e.cmd.lost(line)
		if e.cmd.redact != nil {
			line = e.cmd.redact(line)
		}
		if lost {
			e.lost = line
		}
		if env.LogStderr && env.Logger != nil {
			env.Logger.Info("ffmpeg", slog.String("stderr", line))
		}
		return line
	}
}
