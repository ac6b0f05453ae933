package gotgcall_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
)

// synthetic is a source of Opus frames that no encoder makes: for what measures the
// library alone.
type synthetic struct {
	frames int // how many; 0 for no end
	size   int // bytes of each
}

func (s synthetic) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (s synthetic) Open(context.Context, gotgcall.Env) (gotgcall.Stream, error) {
	data := make([]byte, max(4, s.size))
	data[0] = 0xfc // 20 ms of stereo CELT (RFC 6716 section 3.1)
	return &syntheticStream{frames: s.frames, data: data, closed: make(chan struct{})}, nil
}

type syntheticStream struct {
	frames, next int
	data         []byte
	once         sync.Once
	closed       chan struct{}
}

func (s *syntheticStream) Tracks() gotgcall.Track { return gotgcall.TrackAudio }

func (s *syntheticStream) ReadFrame() (gotgcall.Frame, error) {
	select {
	case <-s.closed:
		return gotgcall.Frame{}, errors.New("closed")
	default:
	}
	if s.frames > 0 && s.next == s.frames {
		return gotgcall.Frame{}, io.EOF
	}
	f := gotgcall.Frame{
		Track: gotgcall.TrackAudio,
		PTS:   time.Duration(s.next) * 20 * time.Millisecond, Duration: 20 * time.Millisecond,
		Data: s.data,
	}
	s.next++
	return f, nil
}

func (s *syntheticStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
