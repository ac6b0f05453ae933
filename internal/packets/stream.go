package packets

import (
	"errors"
	"time"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/media"
)

const (
	// maxBytes is the longest packet that is sent in one datagram: see internal/wire.
	maxBytes = 1182
	// rounding is by how much times in a container are not exact: a millisecond in
	// Matroska.
	rounding = time.Millisecond
	// maxPictures is how many pictures are kept while sound is joined: more than 60 ms
	// have at 100 a second.
	maxPictures = 8
)

// Stream is a stream whose packets of sound are joined. It reads ahead by the length of one
// packet. Packets that do not follow each other without a gap, or are
// of different kinds, are not joined, nor are those that come too late for it.
type Stream struct {
	media.Stream
	reader        *reader // nil: the stream within never blocks
	start, origin time.Duration

	// owned by the goroutine that reads
	joiner   opus.Joiner
	first    time.Duration // when the joiner's packet is due
	end      time.Duration // when that ends
	until    time.Time     // when it is due to be sent as it is; zero: never
	pictures []media.Frame // that came meanwhile
	given    int           // how many of them have been returned
	pending  media.Frame   // did not fit; still valid
	has      bool          // there is one pending
	ended    error         // how the stream within has ended
}

// Join joins the packets of a stream into ones of a length. The stream belongs to the
// result. One that is prompt and live has nothing to be read ahead, and stays as it is.
func Join(stream media.Stream, length time.Duration) *Stream {
	s := JoinReady(stream, length)
	switch {
	case !prompt(stream):
		s.reader = newReader(stream)
	case s.SourceInfo().Live:
		s.joiner.Length = 0
	}
	return s
}

// prompt reports whether a stream never waits.
func prompt(stream media.Stream) bool {
	p, ok := stream.(interface{ Prompt() bool })
	return ok && p.Prompt()
}

// JoinReady is Join for a stream that never blocks, as a file's.
func JoinReady(stream media.Stream, length time.Duration) *Stream {
	s := &Stream{Stream: stream, joiner: opus.Joiner{Length: length, Bytes: maxBytes}}
	if inner, ok := stream.(interface{ Start() time.Duration }); ok {
		s.start = inner.Start()
	}
	if inner, ok := stream.(interface{ Origin() time.Duration }); ok {
		s.origin = inner.Origin()
	}
	return s
}

// ReadFrame returns the next frame.
func (s *Stream) ReadFrame() (media.Frame, error) {
	if s.given < len(s.pictures) {
		s.given++
		return s.pictures[s.given-1], nil
	}
	s.pictures, s.given = s.pictures[:0], 0
	for {
		f, err := s.next()
		switch held := s.joiner.Count() > 0; {
		case err != nil && held:
			return s.take(), nil // the error comes again
		case err != nil:
			return media.Frame{}, err
		case f.Track == media.TrackVideo && !held:
			return f, nil
		case f.Track == media.TrackVideo:
			if s.keep(f); len(s.pictures) == maxPictures {
				return s.take(), nil
			}
		case s.add(f):
			if s.joiner.Full() {
				return s.take(), nil
			}
		case !held:
			return f, nil
		default:
			s.pending, s.has = f, true
			return s.take(), nil
		}
	}
}

// next returns the next frame of the stream within. It returns an error, too, if there is
// none in time for the packet that is being joined.
func (s *Stream) next() (media.Frame, error) {
	if s.has {
		s.has = false
		return s.pending, nil
	}
	if s.ended != nil {
		return media.Frame{}, s.ended
	}
	var f media.Frame
	var err error
	if s.reader == nil {
		f, err = s.Stream.ReadFrame()
	} else {
		f, err = s.reader.next(s.until)
	}
	if !errors.Is(err, errLate) {
		s.ended = err
	}
	return f, err
}

// add gives a packet to the joiner, and reports false if it is to be sent by itself.
func (s *Stream) add(f media.Frame) bool {
	if s.joiner.Count() > 0 {
		if !near(f.PTS, s.end) || !near(f.PTS, s.first+s.joiner.Duration()) || !s.joiner.Add(f.Data) {
			return false
		}
		s.end = f.PTS + f.Duration
		return true
	}
	d, ok := opus.Duration(f.Data)
	if !ok || d+opus.FrameDuration(f.Data[0]) > s.joiner.Length || !s.joiner.Add(f.Data) {
		return false
	}
	s.first, s.end = f.PTS, f.PTS+f.Duration
	if s.reader != nil {
		s.until = time.Now().Add(s.joiner.Length)
	}
	return true
}

func near(a, b time.Duration) bool { return (a - b).Abs() <= rounding }

// take returns the joined packet, whose end may have been trimmed.
func (s *Stream) take() media.Frame {
	length := s.joiner.Duration()
	if !near(s.first+length, s.end) {
		length = s.end - s.first
	}
	s.until = time.Time{}
	return media.Frame{Track: media.TrackAudio, PTS: s.first, Duration: length, Data: s.joiner.Take()}
}

// keep appends a copy of a picture.
func (s *Stream) keep(f media.Frame) {
	n := len(s.pictures)
	var buf []byte
	if n < cap(s.pictures) {
		buf = s.pictures[:n+1][n].Data
	}
	f.Data = append(buf[:0], f.Data...)
	s.pictures = append(s.pictures, f)
}

// Close closes the stream within.
func (s *Stream) Close() error {
	err := s.Stream.Close()
	if s.reader != nil {
		s.reader.close()
	}
	return err
}

// Start returns where the stream within begins by itself.
func (s *Stream) Start() time.Duration { return s.start }

// Origin returns from where its times count.
func (s *Stream) Origin() time.Duration { return s.origin }

// Prompt reports whether ReadFrame never waits.
func (s *Stream) Prompt() bool { return s.reader == nil && prompt(s.Stream) }

// Restarts returns how often the input of the stream within was opened again.
func (s *Stream) Restarts() uint64 {
	if inner, ok := s.Stream.(interface{ Restarts() uint64 }); ok {
		return inner.Restarts()
	}
	return 0
}

// SourceInfo returns that of the stream within.
func (s *Stream) SourceInfo() media.SourceInfo {
	if inner, ok := s.Stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		return inner.SourceInfo()
	}
	return media.SourceInfo{}
}

// Sound returns that of the stream within.
func (s *Stream) Sound() (media.Sound, bool) {
	if inner, ok := s.Stream.(interface{ Sound() (media.Sound, bool) }); ok {
		return inner.Sound()
	}
	return media.Sound{}, false
}
