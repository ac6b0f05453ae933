package rtmp

import (
	"fmt"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Format is what is published: raw frames, and the bit rates they are encoded at.
type Format struct {
	media.Format
	VideoKbps, AudioKbps int
}

// KeyInterval is the time between two key frames in seconds, as Telegram asks for it.
const KeyInterval = 2

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
