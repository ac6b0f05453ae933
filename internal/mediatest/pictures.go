package mediatest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pion/rtp/codecs"

	"github.com/gotgcall/gotgcall/internal/h264"
)

// VideoClockRate is the RTP clock rate of VP8 (RFC 7741 section 6.1) and H.264 (RFC 6184
// section 8.1).
const VideoClockRate = 90000

// payloadH264 is Telegram's payload type of H.264. Any other is VP8.
const payloadH264 = 104

// VideoFrame is one encoded frame.
type VideoFrame struct {
	Timestamp uint32
	// H264 is true of an access unit of H.264, a byte stream, and false of a VP8 frame.
	H264 bool
	// Arrival is that of its last packet.
	Arrival time.Time
	Key     bool
	// Size is known of key frames only.
	Size image.Point
	Data []byte
}

// Assemble puts the packets in order and joins them into frames (RFC 7741, RFC 6184).
// broken counts the frames of which some packets, but not all, were there; a
// frame that is lost whole shows only in Inspect and in the pictures' counters.
func Assemble(packets []Packet) (frames []VideoFrame, broken int) {
	seen := make(map[uint32]bool)
	var open *VideoFrame // the frame being joined
	var unit codecs.H264Packet
	var next uint16 // the sequence number that goes on
	ended := true   // the packet before it is the last of a frame, or padding
	for _, p := range inSequence(packets) {
		follows := len(seen) == 0 || p.SequenceNumber == next
		next = p.SequenceNumber + 1
		if len(p.Payload) == 0 {
			ended = ended && follows
			continue
		}
		seen[p.Timestamp] = true
		var data []byte
		var begins bool
		var err error
		if p.PayloadType == payloadH264 {
			if begins = ended && follows; begins {
				unit = codecs.H264Packet{}
			}
			data, err = unit.Unmarshal(p.Payload)
		} else {
			var descriptor codecs.VP8Packet
			data, err = descriptor.Unmarshal(p.Payload)
			begins = descriptor.S == 1 && descriptor.PID == 0
		}
		ended = p.Marker
		switch {
		case err != nil:
			open = nil
			continue
		case begins:
			open = &VideoFrame{Timestamp: p.Timestamp, H264: p.PayloadType == payloadH264}
		case open == nil || !follows || p.Timestamp != open.Timestamp:
			open = nil
			continue
		}
		open.Data = append(open.Data, data...)
		if p.Marker {
			open.Arrival = p.Arrival
			if open.H264 {
				open.Key, open.Size = parseH264(open.Data)
			} else {
				open.Key, open.Size = parseVP8(open.Data)
			}
			frames = append(frames, *open)
			open = nil
		}
	}
	return frames, len(seen) - len(frames)
}

// parseH264 looks for a slice of an IDR picture, and reads the size in the parameters
// before it.
func parseH264(unit []byte) (key bool, size image.Point) {
	if !h264.StartsWithIDR(unit) {
		return false, image.Point{}
	}
	sequence, err := h264.ParseSPS(h264.Find(unit, h264.SPS))
	return err == nil, image.Pt(sequence.Width, sequence.Height)
}

// parseVP8 reads a frame's header (RFC 6386 section 9.1).
func parseVP8(frame []byte) (key bool, size image.Point) {
	if len(frame) < 10 || frame[0]&1 != 0 || !bytes.Equal(frame[3:6], []byte{0x9d, 0x01, 0x2a}) {
		return false, image.Point{}
	}
	return true, image.Pt(
		int(binary.LittleEndian.Uint16(frame[6:])&0x3fff),
		int(binary.LittleEndian.Uint16(frame[8:])&0x3fff),
	)
}

// shown is the show_frame bit of VP8; all of H.264 is shown.
func (f VideoFrame) shown() bool { return f.H264 || len(f.Data) > 0 && f.Data[0]&0x10 != 0 }

// KeyIntervals are the distances between one key frame and the next.
func KeyIntervals(frames []VideoFrame) []time.Duration {
	var intervals []time.Duration
	var last *VideoFrame
	for i, f := range frames {
		if !f.Key {
			continue
		}
		if last != nil {
			ticks := int32(f.Timestamp - last.Timestamp)
			intervals = append(intervals, time.Duration(ticks)*time.Second/VideoClockRate)
		}
		last = &frames[i]
	}
	return intervals
}

// Picture is one decoded frame of a movie by MakeMovie.
type Picture struct {
	Timestamp uint32
	Arrival   time.Time
	Size      image.Point
	// Counter is the frame number in the picture, -1 when it is not readable.
	Counter int
	// Flash is true of a picture that is lit.
	Flash bool
}

// DecodePictures decodes the frames, all of one codec, with ffmpeg, from the first key
// frame on, and reads what they show.
func DecodePictures(ctx context.Context, ffmpeg string, frames []VideoFrame) ([]Picture, error) {
	start := slices.IndexFunc(frames, func(f VideoFrame) bool { return f.Key })
	if start < 0 {
		return nil, errors.New("decode: no key frame")
	}
	frames = frames[start:]
	pictures, err := decodePictures(ctx, ffmpeg, frames, "-fps_mode")
	if err != nil && strings.Contains(err.Error(), "fps_mode") { // ffmpeg before 5.1
		pictures, err = decodePictures(ctx, ffmpeg, frames, "-vsync")
	}
	if err != nil {
		return nil, fmt.Errorf("decode pictures: %w", err)
	}
	return pictures, nil
}

func decodePictures(ctx context.Context, ffmpeg string, frames []VideoFrame, syncOption string) ([]Picture, error) {
	args := []string{
		"-f", "ivf", "-i", "pipe:0", "-an", syncOption, "passthrough", "-noautoscale",
		"-pix_fmt", "gray", "-f", "rawvideo", "pipe:1",
	}
	var pictures []Picture
	err := stream(ctx, ffmpeg, bytes.NewReader(writeIVF(frames)), args, func(stdout io.Reader) error {
		var size image.Point
		for _, f := range frames {
			if f.Key {
				size = f.Size
			}
			if !f.shown() {
				continue
			}
			picture := image.NewGray(image.Rectangle{Max: size})
			if _, err := io.ReadFull(stdout, picture.Pix); err != nil {
				return fmt.Errorf("picture %d of RTP time %d: %w", len(pictures), f.Timestamp, err)
			}
			counter, flash := ReadPicture(picture)
			pictures = append(pictures, Picture{
				Timestamp: f.Timestamp, Arrival: f.Arrival, Size: size, Counter: counter, Flash: flash,
			})
		}
		if extra, err := io.Copy(io.Discard, stdout); err != nil || extra > 0 {
			return errors.Join(err, fmt.Errorf("%d bytes more than the frames explain", extra))
		}
		return nil
	})
	return pictures, err
}

// writeIVF numbers the frames instead of timing them: the decoder is to give
// each one back, whenever it was due.
func writeIVF(frames []VideoFrame) []byte {
	le := binary.LittleEndian
	ivf := append([]byte("DKIF"), 0, 0, 32, 0)
	codec := "VP80"
	if frames[0].H264 {
		codec = "H264"
	}
	ivf = append(ivf, codec...)
	ivf = le.AppendUint16(ivf, uint16(frames[0].Size.X))
	ivf = le.AppendUint16(ivf, uint16(frames[0].Size.Y))
	ivf = le.AppendUint32(ivf, 30) // time base 1/30
	ivf = le.AppendUint32(ivf, 1)
	ivf = le.AppendUint64(ivf, uint64(len(frames)))
	for i, f := range frames {
		ivf = le.AppendUint32(ivf, uint32(len(f.Data)))
		ivf = le.AppendUint64(ivf, uint64(i))
		ivf = append(ivf, f.Data...)
	}
	return ivf
}

// Flashes lists the timestamps of the pictures at which a flash begins. A
// movie that begins lit has no flash there.
func Flashes(pictures []Picture) []uint32 {
	var onsets []uint32
	for i, p := range pictures {
		if p.Flash && i > 0 && !pictures[i-1].Flash {
			onsets = append(onsets, p.Timestamp)
		}
	}
	return onsets
}

// Sizes lists the sizes of the pictures, one for each change.
func Sizes(pictures []Picture) []image.Point {
	var sizes []image.Point
	for _, p := range pictures {
		if len(sizes) == 0 || sizes[len(sizes)-1] != p.Size {
			sizes = append(sizes, p.Size)
		}
	}
	return sizes
}

// CheckCounters reports the first place where the pictures are not the frames
// first, first+1, …, last, each once.
func CheckCounters(pictures []Picture, first, last int) error {
	for i, p := range pictures {
		if want := first + i; p.Counter != want || want > last {
			return fmt.Errorf("picture %d of %d shows frame %d, want %d of %d to %d",
				i, len(pictures), p.Counter, want, first, last)
		}
	}
	if want := last - first + 1; len(pictures) != want {
		return fmt.Errorf("%d pictures, want %d", len(pictures), want)
	}
	return nil
}

// CheckCounterTimes reports the first picture whose timestamp is more than
// tolerance away from where its frame number puts it, relative to the first
// picture, in a movie of fps frames a second.
func CheckCounterTimes(pictures []Picture, fps string, tolerance time.Duration) error {
	return CheckMovedCounterTimes(pictures, fps, tolerance, 0)
}

// CheckMovedCounterTimes is like CheckCounterTimes for a sender that put playback off
// up to moves times, each of which made all that follows later.
func CheckMovedCounterTimes(pictures []Picture, fps string, tolerance time.Duration, moves int) error {
	rate, err := parseRate(fps)
	if err != nil {
		return err
	}
	var moved time.Duration
	for _, p := range pictures {
		ticks := int32(p.Timestamp - pictures[0].Timestamp)
		got := time.Duration(ticks) * time.Second / VideoClockRate
		want := rate.at(p.Counter) - rate.at(pictures[0].Counter)
		if late := got - want - moved; late > tolerance && moves > 0 {
			moved += late
			moves--
		} else if late.Abs() > tolerance {
			return fmt.Errorf("frame %d is at %v, want %v", p.Counter, got, want+moved)
		}
	}
	return nil
}
