package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// describe wraps a failure, with the line that says why where it is not the last
// one, which the failure's own text shows.
func describe(kind error, failure *models.FFmpegError) error {
	lines := strings.Split(failure.Stderr, "\n")
	last := len(lines) - 1
	if !vague(lines[last]) {
		return fmt.Errorf("%w: %w", kind, failure)
	}
	for _, line := range slices.Backward(lines[:last]) {
		if !vague(line) {
			return fmt.Errorf("%w: %s: %w", kind, plain(line), failure)
		}
	}
	return fmt.Errorf("%w: %w", kind, failure)
}

// vague reports whether a line of ffmpeg's says only that something failed.
func vague(line string) bool {
	return slices.ContainsFunc([]string{
		"Conversion failed", "Error opening input file", "Error opening output file", "Last message repeated",
		"Invalid data found when processing input", "Invalid argument", "Error marking filters as finished",
		"Cannot determine format of input stream", "Error initializing output stream", "Error while filtering",
	}, func(s string) bool { return strings.Contains(line, s) })
}

// plain takes the address out of ffmpeg's "[mov,mp4 @ 0x55d0] moov atom not found",
// and the long list out of what refuses a format.
func plain(line string) string {
	context, rest, ok := strings.Cut(strings.TrimPrefix(line, "["), "] ")
	if !ok || !strings.HasPrefix(line, "[") {
		return line
	}
	name, _, _ := strings.Cut(context, " @ ")
	if strings.HasPrefix(rest, "Format not on whitelist") {
		return "format " + name + " is not allowed"
	}
	return name + ": " + rest
}
