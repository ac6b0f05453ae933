package ffmpeg

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// Publication is what is published by RTMP: raw frames of a format, and how they are
// encoded.
type Publication struct {
	Format               media.Format
	VideoKbps, AudioKbps int
	KeyInterval          int // time between two key frames, in seconds
}

// Args returns the whole command line that encodes the Matroska on standard input to
// FLV on standard output.
func (p Publication) Args() []string {
	return slices.Concat(
		[]string{
			"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error",
			// The header says everything: nothing is to be probed.
			"-protocol_whitelist", "pipe", "-fflags", "nobuffer", "-analyzeduration", "0", "-probesize", "32",
			"-f", "matroska", "-i", "pipe:0",
			"-map", "0:v:0", "-map", "0:a:0",
		},
		p.videoArgs(),
		[]string{
			"-c:a", "aac", "-b:a", kbps(p.AudioKbps),
			"-ar", strconv.Itoa(container.SampleRate), "-ac", strconv.Itoa(container.Channels),
			"-flush_packets", "1", "-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1",
		})
}

// videoArgs ask for a key frame by the time since the one before, as pictures are
// left out while nothing moves. The last millisecond is for rounding.
func (p Publication) videoArgs() []string {
	return []string{
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-b:v", kbps(p.VideoKbps), "-maxrate", kbps(p.VideoKbps), "-bufsize", kbps(2 * p.VideoKbps),
		"-g", strconv.Itoa(p.KeyInterval * p.Format.FPS), "-sc_threshold", "0",
		"-force_key_frames", fmt.Sprintf("expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+%d.999))", p.KeyInterval-1),
	}
}
