package ffmpeg

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/media"
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

// encoderGrace is how long a process may live on after an encoder in hardware has failed.
const encoderGrace = 500 * time.Millisecond

// lacksEncoder returns an error if an encoder in hardware did not start. The sound may have
// begun by then.
func (e *Encoder) lacksEncoder() error {
	if e.job.hardware == "" || e.got.Has(media.TrackVideo) || !e.merge.Lost() {
		return nil
	}
	timer := time.NewTimer(encoderGrace)
	defer timer.Stop()
	var failure *models.FFmpegError
	select {
	case <-e.process.Done():
	case <-timer.C:
		return nil
	}
	if !errors.As(e.process.Wait(), &failure) || !blames(failure.Stderr, e.job.hardware) {
		return nil // there are no pictures, or they are what is wrong
	}
	return fmt.Errorf("VideoEncoder %q: %w", string(e.job.hardware), describe(models.ErrFFmpegSpawn, failure))
}

// blames reports whether ffmpeg's last words are about an encoder or its device.
func blames(stderr string, encoder media.VideoEncoder) bool {
	return slices.ContainsFunc([]string{
		"[" + string(encoder) + " @", "opening encoder", "Device creation failed", "init_hw_device",
	}, func(s string) bool { return strings.Contains(stderr, s) })
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
