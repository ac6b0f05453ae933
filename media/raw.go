package media

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// The sound of raw streams: interleaved signed 16-bit little-endian samples.
const (
	RawSampleRate = 44100
	RawChannels   = 2
	RawSampleSize = 2 * RawChannels // bytes of one sample of all channels
)

// RawFormat is what the pictures of a raw stream are like: yuv420p, the planes
// one after another without padding, all of one size.
type RawFormat struct {
	// Width and Height are even.
	Width, Height int
	// FPS bounds the frame rate; a slower source keeps its own.
	FPS int
}

// PictureSize is the length of a picture in bytes.
func (f RawFormat) PictureSize() int { return f.Width * f.Height * 3 / 2 }

// OptionsOf returns the options that a source of FromFile or FromURL was made
// with, or the defaults for any other, all filled in.
func OptionsOf(src Source) EncodeOptions {
	switch s := src.(type) {
	case *fileSource:
		return s.opts
	case *urlSource:
		return s.opts
	}
	return EncodeOptions{}.withDefaults()
}

// RawFormat returns the format of pictures that are encoded by these options.
// An odd side is made even. It fails with models.ErrInvalidParams for a value out
// of range.
func (o EncodeOptions) RawFormat() (RawFormat, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return RawFormat{}, err
	}
	return RawFormat{Width: o.VideoWidth &^ 1, Height: o.VideoHeight &^ 1, FPS: o.VideoFPS}, nil
}

// Raw returns a source that plays what src plays, in raw frames: pictures of a
// format, letterboxed, and sound of RawSampleRate. It can seek if src can.
//
// Only what FromFile and FromURL made can be had raw; anything else is
// models.ErrInvalidParams, as its streams are Opus and VP8 by contract.
func Raw(src Source, format RawFormat) (Source, error) {
	switch s := src.(type) {
	case *fileSource:
		raw := *s
		raw.as = form{raw: &format}
		return &raw, nil
	case *urlSource:
		raw := *s
		raw.as = form{raw: &format}
		return &raw, nil
	}
	return nil, fmt.Errorf("%w: only FromFile and FromURL can be played here: other sources give Opus and VP8", models.ErrInvalidParams)
}

// form is what a source makes of its input: Opus and VP8 when it is zero.
type form struct{ raw *RawFormat }

func (f form) payload() payload {
	if f.raw != nil {
		return raw
	}
	return encoded
}

// outputs are the options of ffmpeg's outputs, and their names.
func (f form) outputs(o EncodeOptions) [][]string {
	switch {
	case f.raw == nil:
		return outputsOf(o, f.apart(o))
	case !o.Tracks.Has(TrackVideo):
		return [][]string{slices.Concat(mapSound(), rawAudioArgs(), liveMatroskaArgs(), []string{"pipe:1"})}
	}
	return outputs(rawVideoArgs(*f.raw), rawAudioArgs(), f.apart(o))
}

// apart reports whether pictures have an output of their own. Windows gives a
// process no further descriptor.
func (f form) apart(o EncodeOptions) bool {
	return o.Tracks.Has(TrackVideo) && runtime.GOOS != "windows"
}

func rawVideoArgs(f RawFormat) []string {
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
	raw                    // RawFormat's pictures and sound
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
	if len(sound)%RawSampleSize != 0 {
		return 0, errors.New("a frame of sound ends in the middle of a sample")
	}
	return time.Duration(len(sound)/RawSampleSize) * time.Second / RawSampleRate, nil
}
