package gotgcall_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
)

// synthetic is a source of frames that no encoder makes: for what measures the
// library alone.
type synthetic struct {
	frames  int // how many of sound; 0 for no end
	size    int // bytes of each
	picture int // bytes of each picture, of 25 in a second; 0 for none
}

func (s synthetic) Tracks() gotgcall.Track {
	if s.picture > 0 {
		return both
	}
	return gotgcall.TrackAudio
}

func (s synthetic) Open(context.Context, gotgcall.Env) (gotgcall.Stream, error) {
	data := make([]byte, max(4, s.size))
	data[0] = 0xfc // 20 ms of stereo CELT (RFC 6716 section 3.1)
	stream := &syntheticStream{tracks: s.Tracks(), frames: s.frames, data: data, closed: make(chan struct{})}
	if s.picture > 0 {
		stream.key, stream.inter = make([]byte, s.picture), make([]byte, s.picture)
		stream.inter[0] = 1 // not a key frame (RFC 6386 section 9.1)
	}
	return stream, nil
}

type syntheticStream struct {
	tracks       gotgcall.Track
	frames, next int
	pictures     int
	data         []byte
	key, inter   []byte // pictures; nil for none
	once         sync.Once
	closed       chan struct{}
}

func (s *syntheticStream) Tracks() gotgcall.Track { return s.tracks }

func (s *syntheticStream) ReadFrame() (gotgcall.Frame, error) {
	select {
	case <-s.closed:
		return gotgcall.Frame{}, errors.New("closed")
	default:
	}
	if s.frames > 0 && s.next == s.frames {
		return gotgcall.Frame{}, io.EOF
	}
	if s.key != nil && 2*s.pictures == s.next { // one for two frames of sound
		return s.nextPicture(), nil
	}
	f := gotgcall.Frame{
		Track: gotgcall.TrackAudio,
		PTS:   time.Duration(s.next) * 20 * time.Millisecond, Duration: 20 * time.Millisecond,
		Data: s.data,
	}
	s.next++
	return f, nil
}

func (s *syntheticStream) nextPicture() gotgcall.Frame {
	const interval = 40 * time.Millisecond
	f := gotgcall.Frame{
		Track: gotgcall.TrackVideo, PTS: time.Duration(s.pictures) * interval, Duration: interval,
		Data: s.inter,
	}
	if s.pictures%50 == 0 {
		f.Key, f.Data = true, s.key
	}
	s.pictures++
	return f
}

func (s *syntheticStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
