package ffmpeg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// describe wraps a failure, whose text shows the last line of standard error. If that is
// vague, it adds the last line that is not.
func describe(kind error, failure *models.FFmpegError) error {
	lines := strings.Split(failure.Stderr, "\n")
	last := len(lines) - 1
	if !vague(lines[last]) {
		return fmt.Errorf("%w: %w", kind, failure)
	}
	for _, line := range slices.Backward(lines[:last]) {
		if !vague(line) {
			return fmt.Errorf("%w: %s: %w", kind, strings.TrimSuffix(plain(line), "."), failure)
		}
	}
	return fmt.Errorf("%w: %w", kind, failure)
}

// vague reports whether a line says only that something failed.
func vague(line string) bool {
	return slices.ContainsFunc([]string{
		"Conversion failed", "Error opening input file", "Error opening output file", "Last message repeated",
		"Invalid data found when processing input", "Invalid argument", "Error marking filters as finished",
		"Cannot determine format of input stream", "Error initializing output stream", "Error while filtering",
		"To ignore this, add a trailing", "Error parsing options for", "Error selecting an encoder",
		"Error splitting the argument list", "Error parsing global options", "Error sending frames to consumers", "Error reinitializing filters", "Failed to inject frame into filter network",
		"Failed to configure output pad", "Error while processing the decoded data", "Error opening input: Invalid",
		"Task finished with error code", "Terminating thread with return code",
		"Could not open encoder before EOF", "Nothing was written into output file", "no frame!", "get_buffer() failed",
	}, func(s string) bool { return strings.Contains(line, s) })
}

// plain makes a line such as "[mov,mp4 @ 0x55d0] moov atom not found" readable: without
// the address, without a context that is a number ("in#0", and all demuxers since
// version 8), and without the list of allowed formats when one is refused.
func plain(line string) string {
	var names string
	for strings.HasPrefix(line, "[") {
		context, rest, ok := strings.Cut(line[1:], "] ")
		if !ok {
			break
		}
		name, _, _ := strings.Cut(context, " @ ")
		if !strings.Contains(name, "#") {
			names += name + ": "
		}
		line = rest
	}
	if strings.HasPrefix(line, "Format not on whitelist") {
		if names == "" {
			return "its format is not allowed"
		}
		return "format " + strings.TrimSuffix(names, ": ") + " is not allowed"
	}
	if strings.HasSuffix(names, "SWR: ") && strings.HasPrefix(line, "Failed to set option") {
		return "its sound has more than 64 channels" // SWR_CH_MAX
	}
	return names + line
}
