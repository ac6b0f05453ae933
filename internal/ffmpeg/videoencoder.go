package ffmpeg

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gotgcall/gotgcall/media"
)

// encoderName returns ffmpeg's name of an encoder.
func encoderName(e media.VideoEncoder) string {
	switch e {
	case media.VP8:
		return "libvpx"
	case media.H264:
		return "libx264"
	}
	return string(e)
}

// RequireVideo returns nil if the build has the encoder, or an error that wraps
// models.ErrFFmpegSpawn and says how to get it. A build that nothing is known of is
// taken to have all.
func (b Build) RequireVideo(e media.VideoEncoder) error {
	if b.encoders == nil {
		return nil
	}
	err := b.Require(encoderName(e))
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w for VideoEncoder %q: %s", err, string(e), whereFound(e))
}

// whereFound says in which builds of ffmpeg an encoder is.
func whereFound(e media.VideoEncoder) string {
	switch e {
	case media.H264OpenH264:
		return "it takes a build with --enable-libopenh264, as Fedora's is"
	case media.H264NVENC:
		return "it takes an NVIDIA card with its driver, and a build with --enable-nvenc, as Debian's and Ubuntu's are"
	case media.H264VAAPI:
		return "it takes Linux with a VA-API driver, and a build with --enable-vaapi, as Debian's and Ubuntu's are"
	case media.H264QSV:
		return "it takes an Intel processor with its media driver, and a build with --enable-libvpl or --enable-libmfx"
	case media.H264AMF:
		return "it takes an AMD card with its driver, and a build with --enable-amf, as those of gyan.dev for Windows are"
	case media.H264VideoToolbox:
		return "it takes macOS, and a build with --enable-videotoolbox, as Homebrew's is"
	case media.H264V4L2M2M:
		return "it takes Linux on a board with an encoder, and a build with --enable-v4l2-m2m, as Debian's is"
	}
	return "it takes a build with --enable-libx264 and --enable-libvpx, as nearly all are"
}

// videoArgs are the options of the output of pictures.
func videoArgs(o media.EncodeOptions, s sound) []string {
	filter := s.video() + limitRate(o.VideoFPS) + "," + fitInside(o.VideoWidth, o.VideoHeight)
	if o.VideoEncoder == media.H264VAAPI {
		filter += ",format=nv12,hwupload"
	}
	args := []string{
		"-filter:v", filter,
		// A source's own times, to the container's millisecond, rather than
		// times rounded to a guessed frame rate.
		"-enc_time_base:v", "1:1000",
		"-c:v", encoderName(o.VideoEncoder),
	}
	if format := pixelFormat(o.VideoEncoder); format != "" {
		args = append(args, "-pix_fmt", format)
	}
	bitrate := kbps(o.VideoBitrateKbps)
	return slices.Concat(args, []string{"-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate},
		realtimeArgs(o.VideoEncoder), keyFrameArgs(o.VideoFPS))
}

// pixelFormat is the format of the pictures that an encoder takes; empty for frames of a
// device.
func pixelFormat(e media.VideoEncoder) string {
	switch e {
	case media.H264VAAPI:
		return ""
	case media.H264QSV, media.H264AMF:
		return "nv12"
	}
	return "yuv420p"
}

// realtimeArgs make an encoder give each picture at once, none of them bidirectional, in
// the profile that calls negotiate, and key frames that forget all before them.
func realtimeArgs(e media.VideoEncoder) []string {
	const constrainedBaseline = "578" // where an encoder has no name for it: 66, with constraint_set1
	switch e {
	case media.H264:
		return []string{"-preset", "superfast", "-tune", "zerolatency", "-profile:v", "baseline", "-sc_threshold", "0", "-threads", "1"}
	case media.H264OpenH264:
		return []string{"-profile:v", "constrained_baseline", "-rc_mode", "bitrate", "-allow_skip_frames", "0", "-threads", "1"}
	case media.H264NVENC:
		return []string{
			"-preset", "p2", "-tune", "ull", "-profile:v", "baseline", "-rc", "cbr", "-bf", "0",
			"-zerolatency", "1", "-delay", "0", "-forced-idr", "1",
		}
	case media.H264VAAPI:
		return []string{"-profile:v", "constrained_baseline", "-rc_mode", "CBR", "-bf", "0"}
	case media.H264QSV:
		return []string{"-preset", "veryfast", "-profile:v", "baseline", "-bf", "0", "-async_depth", "1", "-look_ahead", "0", "-forced_idr", "1"}
	case media.H264AMF:
		return []string{"-usage", "ultralowlatency", "-profile:v", "constrained_baseline", "-rc", "cbr"}
	case media.H264VideoToolbox:
		return []string{"-profile:v", "baseline", "-realtime", "1", "-bf", "0"}
	case media.H264V4L2M2M:
		return []string{"-profile:v", constrainedBaseline, "-bf", "0"}
	}
	return []string{
		"-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0",
		"-error-resilient", "1", "-threads", "1",
	}
}

// deviceArgs are the global options that open an encoder's device.
func deviceArgs(e media.VideoEncoder) []string {
	if e == media.H264VAAPI {
		return []string{"-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"}
	}
	return nil
}

// keyFrameArgs asks for a key frame every two seconds, in time for a source of
// any rate and in frames for one whose rate is the bound.
func keyFrameArgs(fps int) []string {
	return []string{"-g", strconv.Itoa(2 * fps), "-force_key_frames", "expr:gte(t,n_forced*2)"}
}
