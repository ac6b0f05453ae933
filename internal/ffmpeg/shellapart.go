package ffmpeg

import (
	"runtime"
	"slices"

	"github.com/gotgcall/gotgcall/media"
)

// completeApart is completeArgs for a command of both tracks that leaves its output
// open: each track gets its own, as from a file. It returns false for a command with
// options of the output as a whole, and where a process cannot have two outputs.
func completeApart(global, args []string) ([]string, bool) {
	out, err := parseArgs(args)
	if err != nil || runtime.GOOS == "windows" || len(out.urls) > 0 || out.mapped || len(out.inputs) != 1 {
		return nil, false
	}
	for _, whole := range []string{
		"f", "vn", "an", "sn", "shortest", "fs", "copyts", "output_ts_offset", "avoid_negative_ts", "max_interleave_delta",
		"attach", "streamid", "dump_attachment",
	} {
		if out.has(whole, "") {
			return nil, false
		}
	}
	out.byKind(media.TrackAudio | media.TrackVideo)
	sound, err := out.missingAudio()
	if err != nil {
		return nil, false
	}
	pictures, err := out.missingVideo()
	if err != nil {
		return nil, false
	}
	if len(out.logging) > 0 {
		global = global[:2] // -nostdin -hide_banner
	}
	end := out.inputs[0].at + 2 // -i and its value
	input, own := args[:end], args[end:]
	return slices.Concat(global, input, emptyInput(),
		own, mapSound(), sound, apartArgs(), []string{"pipe:1"},
		own, mapPictures(), pictures, apartArgs(), []string{"pipe:3"}), true
}
