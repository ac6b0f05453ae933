package ffmpeg

import (
	"fmt"

	"github.com/gotgcall/gotgcall/media"
)

func rawVideoArgs(f media.Format, s sound) []string {
	return []string{
		"-filter:v", s.video() + limitRate(f.FPS) + "," + letterbox(f.Width, f.Height),
		"-enc_time_base:v", "1:1000", "-c:v", "rawvideo", "-pix_fmt", "yuv420p",
	}
}

// rawAudioArgs make frames of 20 ms, so that a pause is as exact as with Opus.
func rawAudioArgs(s sound) []string {
	return append(s.audioFilter(2, "aresample=44100", "asetnsamples=n=882:p=0"), "-c:a", "pcm_s16le", "-ar", "44100", "-ac", "2")
}

// letterbox scales to square pixels inside w x h, with the aspect kept, and fills
// the rest with black.
func letterbox(w, h int) string {
	const aspect = "(iw*sar/ih)"
	return fmt.Sprintf("scale=w='max(2,2*round(min(%[1]d,%[2]d*%[3]s)/2))':h='max(2,2*round(min(%[2]d,%[1]d/%[3]s)/2))',"+
		"setsar=1,pad=%[1]d:%[2]d:(ow-iw)/2:(oh-ih)/2", w, h, aspect)
}
