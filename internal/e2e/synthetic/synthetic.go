// Package synthetic is a source of frames that no encoder makes: for tests and
// benchmarks that measure the library alone.
package synthetic

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// frame is the duration of an Opus frame of CELT.
const frame = 20 * time.Millisecond

// Source is sound in packets of 20 ms and, if Picture is not 0, video of 25 pictures a
// second. It implements [media.Source].
type Source struct {
	Frames  int // audio packets; 0 for no end
	Size    int // bytes of an audio packet
	Joined  int // Opus frames of 20 ms in a packet, up to 6; 0 means 1
	Picture int // bytes of a picture; 0 for none
}

// Tracks implements [media.Source].
func (s Source) Tracks() media.Track {
	if s.Picture > 0 {
		return media.TrackAudio | media.TrackVideo
	}
	return media.TrackAudio
}

// Open implements [media.Source].
func (s Source) Open(context.Context, media.Env) (media.Stream, error) {
	data := make([]byte, max(4, s.Size))
	data[0] = 0xfc // 20 ms of stereo CELT (RFC 6716 section 3.1)
	duration := frame
	if s.Joined > 1 {
		data[0], data[1] = 0xff, byte(s.Joined) // frames of one size (section 3.2.5)
		duration = time.Duration(s.Joined) * frame
	}
	st := &stream{tracks: s.Tracks(), frames: s.Frames, data: data, duration: duration, closed: make(chan struct{})}
	if s.Picture > 0 {
		st.key, st.inter = make([]byte, s.Picture), make([]byte, s.Picture)
		st.inter[0] = 1 // not a key frame (RFC 6386 section 9.1)
	}
	return st, nil
}

type stream struct {
	tracks       media.Track
	frames, next int
	pictures     int
	data         []byte
	duration     time.Duration
	key, inter   []byte // pictures; nil for none
	once         sync.Once
	closed       chan struct{}
}

func (s *stream) Tracks() media.Track { return s.tracks }

func (s *stream) Prompt() bool { return true }

func (s *stream) ReadFrame() (media.Frame, error) {
	select {
	case <-s.closed:
		return media.Frame{}, errors.New("closed")
	default:
	}
	if s.frames > 0 && s.next == s.frames {
		return media.Frame{}, io.EOF
	}
	pts := time.Duration(s.next) * s.duration
	if s.key != nil && time.Duration(s.pictures)*interval <= pts {
		return s.nextPicture(), nil
	}
	f := media.Frame{
		Track: media.TrackAudio,
		PTS:   pts, Duration: s.duration,
		Data: s.data,
	}
	s.next++
	return f, nil
}

// interval is the time between two pictures.
const interval = 40 * time.Millisecond

func (s *stream) nextPicture() media.Frame {
	f := media.Frame{
		Track: media.TrackVideo, PTS: time.Duration(s.pictures) * interval, Duration: interval,
		Data: s.inter,
	}
	if s.pictures%50 == 0 {
		f.Key, f.Data = true, s.key
	}
	s.pictures++
	return f
}

func (s *stream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
