package rtmp

import (
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

// pushArgs is the whole command line that encodes the Matroska on standard input
// and publishes it. What names the key is in keyArgs; authorities is a file of
// root certificates, or empty.
func pushArgs(t Target, f Format, keyArgs []string, authorities string) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-nostats", "-loglevel", "error",
		// The first line of it means that the server takes the stream:
		// ffmpeg opens its output before it encodes.
		"-progress", "pipe:1", "-stats_period", "0.5",
		// The header says everything: nothing is to be probed.
		"-protocol_whitelist", "pipe", "-fflags", "nobuffer", "-analyzeduration", "0", "-probesize", "32",
		"-f", "matroska", "-i", "pipe:0",
		"-map", "0:v:0", "-map", "0:a:0",
	}
	args = append(args, videoArgs(f)...)
	args = append(args, "-c:a", "aac", "-b:a", kbps(f.AudioKbps), "-ar", strconv.Itoa(media.RawSampleRate), "-ac", strconv.Itoa(media.RawChannels))
	args = append(args, "-rtmp_app", t.app)
	args = append(args, keyArgs...)
	if t.scheme == "rtmps" && authorities != "" {
		args = append(args, "-tls_verify", "1", "-ca_file", authorities)
	}
	return append(args, "-flvflags", "no_duration_filesize", "-f", "flv", t.String())
}

func videoArgs(f Format) []string {
	return []string{
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-pix_fmt", "yuv420p",
		"-b:v", kbps(f.VideoKbps), "-maxrate", kbps(f.VideoKbps), "-bufsize", kbps(2 * f.VideoKbps),
		"-g", strconv.Itoa(KeyInterval * f.FPS), "-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*" + strconv.Itoa(KeyInterval) + ")",
	}
}

func kbps(n int) string { return strconv.Itoa(n) + "k" }
