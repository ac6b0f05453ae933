package ffmpeg

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

	"github.com/gotgcall/gotgcall/internal/merge"
	"github.com/gotgcall/gotgcall/internal/proc"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Encoder is the Stream of one process.
type Encoder struct {
	// immutable after Open
	process *proc.Process
	job     Job
	outputs []*output    // what is on standard output, and on descriptor 3
	merge   *merge.Merge // of two outputs; nil for one
	got     media.Track  // the tracks there are
	watch   *logWatch    // of an ffmpeg whose log is read; else nil

	lost string // why the input was lost; owned by the process until it is done

	// owned by the reader
	end error // what ReadFrame returned last, once it has failed

	stop func() bool // keeps over from killing; may be nil

	closed atomic.Bool
	close  sync.Once
}

// Open starts a process and reads up to its first frame. When it fails, the
// command's input is released.
func Open(ctx context.Context, env media.Env, job Job) (*Encoder, error) {
	e := &Encoder{job: job}
	if err := ctx.Err(); err != nil {
		e.release()
		return nil, err
	}
	if job.seek.inputs > 0 {
		e.watch = newLogWatch(job.seek)
	}
	if err := e.start(env); err != nil {
		e.release()
		return nil, err
	}
	if job.Over != nil {
		e.stop = context.AfterFunc(job.Over, e.process.Kill)
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
func (e *Encoder) start(env media.Env) error {
	stdoutBuffer, pictureBuffer := e.job.buffers()
	config := proc.Config{Path: cmp.Or(e.job.path, env.FFmpegPath, "ffmpeg"), Args: e.job.args, Stdin: e.job.input, OnStderr: e.onStderr(env), Buffer: stdoutBuffer}
	var pictures *os.File
	if e.job.apart {
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
	e.outputs = []*output{newOutput(e.process.Stdout(), e.job, stdoutBuffer)}
	if pictures != nil {
		of := e.job
		of.want = media.TrackVideo
		e.outputs = append(e.outputs, newOutput(pictures, of, pictureBuffer))
	}
	return nil
}

// begin reads the header and the first frame of a wanted track.
func (e *Encoder) begin() error {
	if len(e.outputs) > 1 {
		e.merge = merge.New(e.outputs[0], e.outputs[1])
		e.got = e.merge.Opened()
		if err := e.lacksEncoder(); err != nil {
			return err
		}
		if e.got == 0 {
			return e.openError(e.broken())
		}
		e.merge.Begin()
		return nil
	}
	o := e.outputs[0]
	var err error
	if e.got, err = o.Header(); err == nil {
		if e.got == 0 {
			return fmt.Errorf("%w: it has %v, want %v", models.ErrFile, o.reader.Tracks(), e.job.want)
		}
		err = o.readFirst()
	}
	if err != nil {
		return e.openError(o.err)
	}
	return nil
}

// broken returns why the outputs ended: io.EOF if each ended where it may.
func (e *Encoder) broken() error {
	for _, o := range e.outputs {
		if o.err != nil && !errors.Is(o.err, io.EOF) {
			return o.err
		}
	}
	return io.EOF
}

// Start returns where in the media a command of FromShell begins by itself.
func (e *Encoder) Start() time.Duration { return e.job.start }

// Sound returns the sound that the stream has, and whether its source takes another.
func (e *Encoder) Sound() (media.Sound, bool) { return e.job.sound, e.job.tunable }

// Plain reports whether the input's pictures are shown as they are coded: neither turned
// nor stretched. It is false while nobody knows.
func (e *Encoder) Plain() bool { return e.watch != nil && e.watch.plain() }

// Tracks returns the tracks there are.
func (e *Encoder) Tracks() media.Track { return e.got }

// ReadFrame returns the next frame; see [media.Stream].
func (e *Encoder) ReadFrame() (media.Frame, error) {
	if e.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	if e.end != nil {
		return media.Frame{}, e.end
	}
	var f media.Frame
	var err error
	if e.merge != nil {
		f, err = e.merge.Next()
	} else {
		f, err = e.outputs[0].Next()
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

// Close kills the process and waits for it; see [media.Stream].
func (e *Encoder) Close() error {
	e.closed.Store(true)
	e.close.Do(func() {
		e.kill()
		if e.merge != nil {
			e.merge.Stop()
		}
		_ = e.process.Wait() // it was killed: how it ended says nothing
		if e.stop != nil {
			e.stop()
		}
		e.release()
	})
	_ = e.process.Wait()
	if e.merge != nil {
		e.merge.Wait()
	}
	return nil
}

// kill kills the process and interrupts the readers of its outputs, which a child that
// it left behind may hold open.
func (e *Encoder) kill() {
	e.process.Kill()
	for _, o := range e.outputs {
		o.file.Close()
	}
}

// inputErr returns why the input was lost, or nil.
func (e *Encoder) inputErr() error {
	if e.job.InputErr == nil {
		return nil
	}
	return e.job.InputErr()
}

// Restarts returns how often the input was requested again.
func (e *Encoder) Restarts() uint64 {
	if e.job.Resumed == nil {
		return 0
	}
	return e.job.Resumed()
}

func (e *Encoder) release() {
	if e.job.Release != nil {
		e.job.Release()
	}
}

func errStreamClosed() error { return fmt.Errorf("read frame: stream: %w", models.ErrClosed) }

// onStderr returns the handler of each line of standard error. The line that this
// returns may be shown: it is about an error, and has no secret in it.
func (e *Encoder) onStderr(env media.Env) func(string) string {
	return func(line string) string {
		if e.watch != nil {
			line = e.watch.line(line)
		}
		if line == "" {
			return ""
		}
		lost := e.job.Lost != nil && e.job.Lost(line)
		if e.job.Redact != nil {
			line = e.job.Redact(line)
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
