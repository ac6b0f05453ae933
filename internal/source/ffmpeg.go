package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// exitGrace is how long a process may live on after it has closed its output.
// ffmpeg needs milliseconds.
const exitGrace = 3 * time.Second

// pictureBuffer is two and a half seconds at the default bitrates, and a quarter of
// what Linux lets a user's pipe have.
const pictureBuffer = 256 << 10

// command is a process that writes a container to its standard output.
type command struct {
	path    string
	args    []string
	want    media.Track              // an output with none of these is an error
	apart   bool                     // pictures come in a container of their own, on descriptor 3
	content container.Content        // what the frames are
	redact  func(line string) string // takes secrets out of standard error; may be nil

	// lost reports whether a line of standard error says that the input was
	// lost, which ffmpeg takes for its end and exits with status 0; may be
	// nil.
	lost func(line string) bool

	// inputErr returns why the input was lost, or nil when all of it was
	// handed to the process; it is asked at the end of the output. May be nil.
	inputErr func() error

	// over ends when what is left of the input is lost and the process has no
	// more to do. May be nil.
	over context.Context

	// resumed returns how often the input was asked for again where its
	// server had hung up. May be nil.
	resumed func() uint64

	// release gives back what the input needs. It is called once, when the
	// process is gone. May be nil.
	release func()

	// seek is the position that an ffmpeg with watchedArgs begins at; zero for
	// any other command.
	seek seeking

	// start is where in the media the command begins by itself.
	start time.Duration

	// interval is the least a video frame lasts: a header may tell the rate
	// of the source, before frames were dropped. 0 means nothing.
	interval time.Duration
}

// buffer is how far ahead of the reader the encoder may run: some seconds, which
// carry a picture over a moment without a processor. Sound needs no more than a
// system's default.
func (c command) buffer() int {
	if c.want.Has(media.TrackVideo) && !c.apart {
		return pictureBuffer
	}
	return 0
}

// encoder is the Stream of one process.
type encoder struct {
	// immutable after openEncoder
	process *proc.Process
	cmd     command
	outputs []*output   // what is on standard output, and on descriptor 3
	merge   *merge      // of two outputs; nil for one
	got     media.Track // the tracks there are
	watch   *seekWatch

	lost string // why the input was lost; owned by the process until it is done

	// owned by the reader
	end error // what ReadFrame returned last, once it has failed

	stop func() bool // keeps over from killing; may be nil

	closed atomic.Bool
	close  sync.Once
}

// openEncoder starts a process and reads up to its first frame. When it fails, the
// command's input is released.
func openEncoder(ctx context.Context, env media.Env, cmd command) (*encoder, error) {
	e := &encoder{cmd: cmd}
	if err := ctx.Err(); err != nil {
		e.release()
		return nil, err
	}
	if cmd.seek.inputs > 0 {
		e.watch = newSeekWatch(cmd.seek)
	}
	if err := e.start(env); err != nil {
		e.release()
		return nil, err
	}
	if cmd.over != nil {
		e.stop = context.AfterFunc(cmd.over, e.process.Kill)
	}
	stop := context.AfterFunc(ctx, e.kill)
	err := e.begin()
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

// start starts the process.
func (e *encoder) start(env media.Env) error {
	config := proc.Config{Path: e.cmd.path, Args: e.cmd.args, OnStderr: e.onStderr(env), Buffer: e.cmd.buffer()}
	var pictures *os.File
	if e.cmd.apart {
		r, w, err := proc.Pipe(pictureBuffer)
		if err != nil {
			return err
		}
		defer w.Close()
		pictures, config.Files = r, []*os.File{w}
	}
	var err error
	if e.process, err = proc.Start(config); err != nil {
		if pictures != nil {
			pictures.Close()
		}
		return err
	}
	// A program that knows nothing of the descriptor writes everything to its
	// standard output.
	e.outputs = []*output{newOutput(e.process.Stdout(), e.cmd)}
	if pictures != nil {
		of := e.cmd
		of.want = media.TrackVideo
		e.outputs = append(e.outputs, newOutput(pictures, of))
	}
	return nil
}

// begin reads the header and the first frame of a wanted track.
func (e *encoder) begin() error {
	if len(e.outputs) > 1 {
		e.merge = newMerge(e.outputs[0], e.outputs[1])
		if e.got = e.merge.opened(); e.got == 0 {
			return e.openError(e.broken())
		}
		e.merge.begin()
		return nil
	}
	o := e.outputs[0]
	var err error
	if e.got, err = o.header(); err == nil {
		if e.got == 0 {
			return fmt.Errorf("%w: it has %v, want %v", models.ErrFile, o.reader.Tracks(), e.cmd.want)
		}
		err = o.readFirst()
	}
	if err != nil {
		return e.openError(o.err)
	}
	return nil
}

// broken is why the outputs ended: io.EOF when they ended where they may.
func (e *encoder) broken() error {
	for _, o := range e.outputs {
		if o.err != nil && !errors.Is(o.err, io.EOF) {
			return o.err
		}
	}
	return io.EOF
}

// Start returns where in the media a command of FromShell begins by itself.
func (e *encoder) Start() time.Duration { return e.cmd.start }

func (e *encoder) Tracks() media.Track { return e.got }

func (e *encoder) ReadFrame() (media.Frame, error) {
	if e.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	if e.end != nil {
		return media.Frame{}, e.end
	}
	var f media.Frame
	var err error
	if e.merge != nil {
		f, err = e.merge.next()
	} else {
		f, err = e.outputs[0].next()
		// The other track may begin a moment before the first frame in the file.
		f.PTS = max(0, f.PTS-e.outputs[0].origin)
	}
	if err == nil {
		return f, nil
	}
	e.end = err
	if !e.closed.Load() {
		e.end = e.playError(e.broken())
	}
	if e.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	return media.Frame{}, e.end
}

func (e *encoder) Close() error {
	e.closed.Store(true)
	e.close.Do(func() {
		e.kill()
		if e.merge != nil {
			e.merge.halt()
		}
		_ = e.process.Wait() // it was killed: how it ended says nothing
		if e.stop != nil {
			e.stop()
		}
		e.release()
	})
	_ = e.process.Wait()
	if e.merge != nil {
		e.merge.readers.Wait()
	}
	return nil
}

// kill ends the process and interrupts what reads its outputs, which somebody that
// it left behind may hold open.
func (e *encoder) kill() {
	e.process.Kill()
	for _, o := range e.outputs {
		o.file.Close()
	}
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

func errStreamClosed() error { return fmt.Errorf("read frame: stream: %w", models.ErrClosed) }

func ffmpegPath(env media.Env) string { return cmp.Or(env.FFmpegPath, "ffmpeg") }

// onStderr is what is done with each line of standard error. What it returns may
// be shown: it is about an error, and has no secret in it.
func (e *encoder) onStderr(env media.Env) func(string) string {
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
