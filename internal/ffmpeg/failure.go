package ffmpeg

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// exitGrace is how long a process may live on after it has closed its output.
// ffmpeg needs milliseconds.
const exitGrace = 3 * time.Second

// openError returns why there is no first frame.
func (e *Encoder) openError(err error) error {
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

// playError returns why there is no further frame: io.EOF at the natural end.
func (e *Encoder) playError(err error) error {
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

// exit waits for the process and returns how it ended by itself. It kills a process that
// writes garbage or outlives its closed output, and then returns nil.
func (e *Encoder) exit(cause error) error {
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
