package media

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

func TestFailureIsDescribedByTheLineThatSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ stderr, want string }{
		{
			"[png_pipe @ 0x55dcfde52180] Format not on whitelist 'aac,mp3'\nfile:pic.png: Invalid argument",
			"source not playable: format png_pipe is not allowed: ffmpeg: exit status 1: file:pic.png: Invalid argument",
		},
		{
			"[mov,mp4 @ 0x55d0] moov atom not found\nfile:a.mp4: Invalid data found when processing input",
			"source not playable: mov,mp4: moov atom not found: ffmpeg: exit status 1: file:a.mp4: Invalid data found when processing input",
		},
		{
			"[http @ 0x1] Stream ends prematurely at 48\nError marking filters as finished",
			"source not playable: http: Stream ends prematurely at 48: ffmpeg: exit status 1: Error marking filters as finished",
		},
		{
			"http://127.0.0.1/a.mp3: Server returned 404 Not Found",
			"source not playable: ffmpeg: exit status 1: http://127.0.0.1/a.mp3: Server returned 404 Not Found",
		},
		{"Conversion failed!", "source not playable: ffmpeg: exit status 1: Conversion failed!"},
		{"", "source not playable: ffmpeg: exit status 1"},
	} {
		require.EqualError(t, describe(models.ErrFile, &models.FFmpegError{ExitCode: 1, Stderr: c.stderr}), c.want)
	}
}
