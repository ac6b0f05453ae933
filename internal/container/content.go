package container

import (
	"errors"
	"fmt"
	"time"
)

// Content is what the frames of a stream are.
type Content int

// The contents.
const (
	Encoded Content = iota // Opus and VP8
	H264                   // Opus and H.264
	Raw                    // the pictures and sound of a raw media.Format
)

// codecs are Matroska's names for the content.
func (c Content) codecs() (audio, video string) {
	switch c {
	case Raw:
		return "A_PCM/INT/LIT", "V_UNCOMPRESSED"
	case H264:
		return "A_OPUS", "V_MPEG4/ISO/AVC"
	}
	return "A_OPUS", "V_VP8"
}

// audioHead reads the codec's private data of a sound track.
func (c Content) audioHead(private []byte) (OpusHead, error) {
	if c == Raw {
		return OpusHead{}, nil
	}
	return parseOpusHead(private)
}

// duration returns how long a frame of sound lasts.
func (c Content) duration(sound []byte) (time.Duration, error) {
	if c != Raw {
		return opusDuration(sound)
	}
	if len(sound)%SampleSize != 0 {
		return 0, errors.New("a frame of sound ends in the middle of a sample")
	}
	return time.Duration(len(sound)/SampleSize) * time.Second / SampleRate, nil
}

func wrongCodec(codec, want string) error {
	if codec == want {
		return nil
	}
	return fmt.Errorf("codec is %.32q, want %s", codec, want)
}
