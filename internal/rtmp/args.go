package rtmp

import (
	"fmt"
	"strconv"

	"github.com/gotgcall/gotgcall/media"
)

// Format is what is published.
type Format struct {
	media.RawFormat
	VideoKbps, AudioKbps int
}

// KeyInterval is the time between two key frames: what Telegram asks for.
const KeyInterval = 2 // s

// encoderArgs is the whole command line that encodes the Matroska on standard input
// to FLV on standard output.
func encoderArgs(f Format) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error",
		// The header says everything: nothing is to be probed.
		"-protocol_whitelist", "pipe", "-fflags", "nobuffer", "-analyzeduration", "0", "-probesize", "32",
		"-f", "matroska", "-i", "pipe:0",
		"-map", "0:v:0", "-map", "0:a:0",
	}
	args = append(args, videoArgs(f)...)
	args = append(args, "-c:a", "aac", "-b:a", kbps(f.AudioKbps), "-ar", strconv.Itoa(media.RawSampleRate), "-ac", strconv.Itoa(media.RawChannels))
	return append(args, "-flush_packets", "1", "-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1")
}

// videoArgs ask for a key frame by the time since the one before, as pictures are
// left out while nothing moves. The last millisecond is for rounding.
func videoArgs(f Format) []string {
	return []string{
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-b:v", kbps(f.VideoKbps), "-maxrate", kbps(f.VideoKbps), "-bufsize", kbps(2 * f.VideoKbps),
		"-g", strconv.Itoa(KeyInterval * f.FPS), "-sc_threshold", "0",
		"-force_key_frames", fmt.Sprintf("expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+%d.999))", KeyInterval-1),
	}
}

func kbps(n int) string { return strconv.Itoa(n) + "k" }
