package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// Codec is how pictures are coded. The zero Codec is VP8.
type Codec uint8

// The codecs of pictures.
const (
	CodecVP8 Codec = iota
	CodecH264
)

// String returns "VP8" or "H.264".
func (c Codec) String() string {
	if c == CodecH264 {
		return "H.264"
	}
	return "VP8"
}

// VideoEncoder says how pictures are encoded: by a codec, for which ffmpeg's usual encoder
// is taken, or by an encoder, under ffmpeg's name for it. The zero value is VP8.
type VideoEncoder string

// The encoders of pictures. All but VP8 make H.264.
const (
	// VP8 is libvpx, and the default: every server and every viewer takes it.
	VP8 VideoEncoder = "vp8"
	// H264 is libx264. It takes a third of the processor time of VP8, and its pictures
	// are a little less good at the same bit rate.
	H264 VideoEncoder = "h264"

	// H264OpenH264 is Cisco's encoder, in software.
	H264OpenH264 VideoEncoder = "libopenh264"
	// H264NVENC is the encoder of NVIDIA's graphics cards.
	H264NVENC VideoEncoder = "h264_nvenc"
	// H264VAAPI is the encoder of Intel's and AMD's graphics processors on Linux; it
	// takes the first render node that can encode.
	H264VAAPI VideoEncoder = "h264_vaapi"
	// H264QSV is Intel's Quick Sync Video.
	H264QSV VideoEncoder = "h264_qsv"
	// H264AMF is the encoder of AMD's graphics cards.
	H264AMF VideoEncoder = "h264_amf"
	// H264VideoToolbox is the encoder of Apple's processors.
	H264VideoToolbox VideoEncoder = "h264_videotoolbox"
	// H264V4L2M2M is the encoder of boards such as the Raspberry Pi up to 4.
	H264V4L2M2M VideoEncoder = "h264_v4l2m2m"
)

// videoEncoders returns all encoders of pictures.
func videoEncoders() []VideoEncoder {
	return []VideoEncoder{
		VP8, H264, H264OpenH264, H264NVENC, H264VAAPI, H264QSV, H264AMF, H264VideoToolbox, H264V4L2M2M,
	}
}

// Codec returns the codec of the encoder's pictures.
func (e VideoEncoder) Codec() Codec {
	if e == "" || e == VP8 {
		return CodecVP8
	}
	return CodecH264
}

func (e VideoEncoder) validate() error {
	if all := videoEncoders(); !slices.Contains(all, e) {
		return fmt.Errorf("%w: VideoEncoder is %.32q, want one of %s", models.ErrInvalidParams, string(e),
			strings.Trim(fmt.Sprint(all), "[]"))
	}
	return nil
}
