package mediatest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// run feeds stdin to ffmpeg and waits for it.
func run(ctx context.Context, ffmpeg string, stdin io.Reader, args ...string) error {
	return stream(ctx, ffmpeg, stdin, args, func(stdout io.Reader) error {
		_, err := io.Copy(io.Discard, stdout)
		return err
	})
}

// stream feeds stdin to ffmpeg while read consumes its standard output, and
// waits for both. ffmpeg's own complaint comes before what read makes of it.
func stream(ctx context.Context, ffmpeg string, stdin io.Reader, args []string, read func(io.Reader) error) error {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, ffmpeg, append([]string{"-hide_banner", "-loglevel", "error"}, args...)...)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	readErr := read(stdout)
	if readErr != nil {
		cancel() // ffmpeg may be blocked on a pipe that nobody reads
	}
	waitErr := cmd.Wait()
	if complaint := strings.TrimSpace(stderr.String()); waitErr != nil && complaint != "" {
		return fmt.Errorf("ffmpeg: %w: %s", waitErr, complaint)
	}
	if readErr != nil {
		return readErr
	}
	if waitErr != nil {
		return fmt.Errorf("ffmpeg: %w", waitErr)
	}
	return nil
}
