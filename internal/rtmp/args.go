package rtmp

import (
	"fmt"
	"strconv"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Format is what is published: raw frames, and the bit rates they are encoded at.
type Format struct {
	media.Format
	VideoKbps, AudioKbps int
}

// maxPicture is the largest raw picture in bytes, of 5760x3840: package container
// takes no frame beyond 32 MiB.
const maxPicture = 32 << 20

// FormatOf returns the format that encoding options ask for; an odd side is made even.
// It fails with models.ErrInvalidParams for a value out of range.
func FormatOf(o media.EncodeOptions) (Format, error) {
	o, err := o.Resolve()
	if err != nil {
		return Format{}, err
	}
	raw := media.Format{Width: o.VideoWidth &^ 1, Height: o.VideoHeight &^ 1, FPS: o.VideoFPS}
	if raw.PictureSize() > maxPicture {
		return Format{}, fmt.Errorf("%w: a picture of %dx%d is too large to publish: want at most %d pixels",
			models.ErrInvalidParams, raw.Width, raw.Height, maxPicture*2/3)
	}
	return Format{Format: raw, VideoKbps: o.VideoBitrateKbps, AudioKbps: o.AudioBitrateKbps}, nil
}

// KeyInterval is the time between two key frames, as Telegram asks for it.
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
	args = append(args, "-c:a", "aac", "-b:a", kbps(f.AudioKbps), "-ar", strconv.Itoa(container.SampleRate), "-ac", strconv.Itoa(container.Channels))
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
