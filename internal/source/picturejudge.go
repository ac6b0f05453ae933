package source

import (
	"time"

	"github.com/gotgcall/gotgcall/internal/h264"
	"github.com/gotgcall/gotgcall/media"
)

const (
	// maxKeyInterval is the longest time between two pictures with which decoding can
	// begin: what an encoder of ours makes, and a container's rounding.
	maxKeyInterval = 2*time.Second + 100*time.Millisecond
	// bitReserve is how much of a second's bits a group of pictures may have besides its
	// share, as those of an encoder of ours.
	bitReserve = time.Second
	// rateSlack is how many pictures more than its share a group may have: both ends of
	// a group are rounded.
	rateSlack = 1.5
)

// The profiles that viewers decode, if there are neither fields nor B pictures: Telegram's
// own clients send constrained high where they can.
const (
	profileBaseline = 66
	profileMain     = 77
	profileHigh     = 100
)

// pictureJudge decides, by what is in it, whether H.264 can be sent as it is: of a profile
// that viewers decode, shown in the order of decoding, within the bounds of an encoding, and
// with key frames often enough for whoever comes late.
type pictureJudge struct {
	options media.EncodeOptions // resolved

	begun  bool
	groups int           // key frames so far
	start  time.Duration // of the group
	last   time.Duration // the time of the last picture
	count  int           // pictures in the group
	bytes  int
}

// admit judges the next frame. Sound is always admitted.
func (j *pictureJudge) admit(f media.Frame) bool {
	if f.Track != media.TrackVideo {
		return true
	}
	if f.Codec != media.CodecH264 || j.begun && f.PTS <= j.last || !j.begun && !f.Key {
		return false
	}
	if f.Key && (!j.sequence(f.Data) || j.begun && !j.group(f.PTS)) {
		return false
	}
	if f.Key {
		j.begun, j.start, j.count, j.bytes = true, f.PTS, 0, 0
		j.groups++
	}
	j.last = f.PTS
	j.count++
	j.bytes += len(f.Data)
	return f.PTS-j.start <= maxKeyInterval && predicted(f.Data)
}

// sequence judges the parameters of a key frame.
func (j *pictureJudge) sequence(picture []byte) bool {
	s, err := h264.ParseSPS(h264.Find(picture, h264.SPS))
	if err != nil {
		return false
	}
	switch s.Profile {
	case profileBaseline, profileMain, profileHigh:
	default:
		return false
	}
	return s.Progressive && s.Common && s.Square && s.Reordered <= 0 &&
		s.Width <= j.options.VideoWidth && s.Height <= j.options.VideoHeight
}

// group judges the pictures since the last key frame.
func (j *pictureJudge) group(end time.Duration) bool {
	length := end - j.start
	bits := float64(j.options.VideoBitrateKbps) * 1000 * (length + bitReserve).Seconds()
	pictures := float64(j.options.VideoFPS)*length.Seconds() + rateSlack
	return float64(8*j.bytes) <= bits && float64(j.count) <= pictures
}

// predicted reports whether all slices are of I and P pictures.
func predicted(picture []byte) bool {
	for u := h264.Split(picture); u.Unit != nil; u.Advance() {
		if kind := h264.Type(u.Unit); kind < h264.Slice || kind < h264.SEI && (kind != h264.Slice && kind != h264.IDR || !h264.Predicted(u.Unit)) {
			return false
		}
	}
	return true
}
