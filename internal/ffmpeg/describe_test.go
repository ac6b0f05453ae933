package ffmpeg

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
		{
			"[in#0 @ 0x5555935faec0] Format not on whitelist 'aac,mp3'\n[in#0 @ 0x5555935fabc0] Error opening input: Invalid argument\nError opening input file file:pic.png.\nError opening input files: Invalid argument",
			"source not playable: its format is not allowed: ffmpeg: exit status 1: Error opening input files: Invalid argument",
		},
		{
			"[in#0] Error opening input: No such file or directory\nError opening input file file:none.mp4.\nError opening input files: No such file or directory",
			"source not playable: Error opening input: No such file or directory: ffmpeg: exit status 1: Error opening input files: No such file or directory",
		},
		{
			"[auto_aresample_0 @ 0x558573df50c0] [SWR @ 0x558573df5200] Failed to set option\n[auto_aresample_0 @ 0x558573df50c0] Failed to configure output pad on auto_aresample_0\nError reinitializing filters!\nFailed to inject frame into filter network: Invalid argument\nError while processing the decoded data for stream #0:0",
			"source not playable: its sound has more than 64 channels: ffmpeg: exit status 1: Error while processing the decoded data for stream #0:0",
		},
		{
			"Stream map '' matches no streams.\nTo ignore this, add a trailing '?' to the map.\nFailed to set value '0:a:0' for option 'map': Invalid argument\nError parsing options for output file -.\nError opening output files: Invalid argument",
			"source not playable: Stream map '' matches no streams: ffmpeg: exit status 1: Error opening output files: Invalid argument",
		},
		{
			"[aost#0:1 @ 0x555556d55d40] Unknown encoder 'nope'\n[aost#0:1 @ 0x555556d55d40] Error selecting an encoder\nError opening output file -.\nError opening output files: Encoder not found",
			"source not playable: Unknown encoder 'nope': ffmpeg: exit status 1: Error opening output files: Encoder not found",
		},
		{
			"Unrecognized option 'nope'.\nError splitting the argument list: Option not found",
			"source not playable: Unrecognized option 'nope': ffmpeg: exit status 1: Error splitting the argument list: Option not found",
		},
		{"[broken", "source not playable: ffmpeg: exit status 1: [broken"},
		{"Conversion failed!", "source not playable: ffmpeg: exit status 1: Conversion failed!"},
		{"", "source not playable: ffmpeg: exit status 1"},
	} {
		require.EqualError(t, describe(models.ErrFile, &models.FFmpegError{ExitCode: 1, Stderr: c.stderr}), c.want)
	}
}
