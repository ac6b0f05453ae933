package source

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// outputForm is the form of ffmpeg's outputs.
type outputForm struct{ media.Format }

func (f outputForm) payload() payload {
	if f.Raw() {
		return raw
	}
	return encoded
}

// outputs are the options of ffmpeg's outputs, and their names.
func (f outputForm) outputs(o media.EncodeOptions) [][]string {
	switch {
	case !f.Raw():
		return outputsOf(o, f.apart(o))
	case !o.Tracks.Has(media.TrackVideo):
		return [][]string{slices.Concat(mapSound(), rawAudioArgs(), liveMatroskaArgs(), []string{"pipe:1"})}
	}
	return outputs(rawVideoArgs(f.Format), rawAudioArgs(), f.apart(o))
}

// apart reports whether pictures have an output of their own. Windows gives a
// process no further descriptor.
func (f outputForm) apart(o media.EncodeOptions) bool {
	return o.Tracks.Has(media.TrackVideo) && runtime.GOOS != "windows"
}

func rawVideoArgs(f media.Format) []string {
	return []string{
		"-filter:v", limitRate(f.FPS) + "," + letterbox(f.Width, f.Height),
		"-enc_time_base:v", "1:1000", "-c:v", "rawvideo", "-pix_fmt", "yuv420p",
	}
}

// rawAudioArgs make frames of 20 ms, so that a pause is as exact as with Opus.
func rawAudioArgs() []string {
	return []string{"-filter:a", "aresample=44100,asetnsamples=n=882:p=0", "-c:a", "pcm_s16le", "-ar", "44100", "-ac", "2"}
}

// letterbox scales to square pixels inside w x h, with the aspect kept, and fills
// the rest with black.
func letterbox(w, h int) string {
	const aspect = "(iw*sar/ih)"
	return fmt.Sprintf("scale=w='max(2,2*round(min(%[1]d,%[2]d*%[3]s)/2))':h='max(2,2*round(min(%[2]d,%[1]d/%[3]s)/2))',"+
		"setsar=1,pad=%[1]d:%[2]d:(ow-iw)/2:(oh-ih)/2", w, h, aspect)
}

// payload is what frames hold.
type payload int

const (
	encoded payload = iota // Opus and VP8
	raw                    // the pictures of a raw media.Format and sound
)

// codecs are Matroska's names for the payload.
func (p payload) codecs() (audio, video string) {
	if p == raw {
		return "A_PCM/INT/LIT", "V_UNCOMPRESSED"
	}
	return "A_OPUS", "V_VP8"
}

// audioHead checks what a container says of the sound.
func (p payload) audioHead(private []byte) error {
	if p == raw {
		return nil
	}
	return opusHead(private)
}

// key reports whether a picture can be decoded without others.
func (p payload) key(picture []byte) bool { return p == raw || vp8Key(picture) }

// duration is how long a frame of sound lasts.
func (p payload) duration(sound []byte) (time.Duration, error) {
	if p == encoded {
		return opusDuration(sound)
	}
	if len(sound)%container.SampleSize != 0 {
		return 0, errors.New("a frame of sound ends in the middle of a sample")
	}
	return time.Duration(len(sound)/container.SampleSize) * time.Second / container.SampleRate, nil
}
