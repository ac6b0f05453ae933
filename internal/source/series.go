package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// openAhead is how long before the end of a part the next one is opened: a server
	// and an encoder need a second or two.
	openAhead = 5 * time.Second
	// rounding is how much longer or shorter a part may be than it should: lists
	// round, and the last frame is a whole one.
	rounding = 150 * time.Millisecond
	// longestFrame is more than any frame of sound that is encoded here.
	longestFrame = 30 * time.Millisecond
)

// series is the Stream of parts that are played one after another, each by a
// process. It keeps to the times at which the parts should end, so that what each
// is too long or too short does not add up.
type series struct {
	// immutable
	facts                   // of the first part
	ends    []time.Duration // where each part should end; of the last one it means nothing
	open    func(ctx context.Context, part int) (media.Stream, error)
	release func()          // called once, when all are closed
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	close   sync.Once

	mu      sync.Mutex // guards the rest
	current media.Stream
	next    *opening // nil until it is begun
	closed  bool

	// owned by the reader
	part    int
	begin   time.Duration                 // where the current part begins
	shift   time.Duration                 // by which ends are wrong, as parts turned out so far
	last    map[media.Track]time.Duration // where each track's last frame ended
	held    []media.Frame                 // those beyond the end that the part should have
	long    bool                          // the part really is longer
	failure error                         // what ReadFrame returned last, once it has failed
}

// opening is a stream that is being opened.
type opening struct {
	done   chan struct{}
	stream media.Stream // nil when err is not
	err    error
}

// openSeries opens the first part. It calls release when that fails.
func openSeries(
	ctx context.Context, ends []time.Duration, open func(context.Context, int) (media.Stream, error), release func(),
) (media.Stream, error) {
	first, err := open(ctx, 0)
	if err != nil {
		release()
		return nil, err
	}
	s := &series{facts: factsOf(first), ends: ends, open: open, release: release, current: first, last: map[media.Track]time.Duration{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func (s *series) ReadFrame() (media.Frame, error) {
	for s.failure == nil {
		f, err := s.read()
		switch {
		case err == nil:
			s.last[f.Track] = max(s.last[f.Track], f.PTS+f.Duration)
			return f, nil
		case !errors.Is(err, io.EOF) || s.part == len(s.ends)-1:
			s.failure = err
		default:
			s.failure = s.advance()
		}
		if s.ctx.Err() != nil {
			s.failure = errStreamClosed()
		}
	}
	return media.Frame{}, s.failure
}

// read returns the next frame of the current part. Those beyond its end are held
// back until it is known that it really is longer.
func (s *series) read() (media.Frame, error) {
	for {
		if s.long && len(s.held) > 0 {
			f := s.held[0]
			s.held = s.held[1:]
			return f, nil
		}
		f, err := s.current.ReadFrame()
		if err != nil {
			return f, err
		}
		if !s.tracks.Has(f.Track) {
			continue // the first part had no such track
		}
		f.PTS += s.begin
		if s.part == len(s.ends)-1 {
			return f, nil
		}
		end := s.end()
		if f.PTS > end-openAhead {
			s.prepare()
		}
		if s.long || f.PTS+f.Duration/2 < end {
			return f, nil
		}
		f.Data = bytes.Clone(f.Data)
		s.held = append(s.held, f)
		s.long = f.PTS > end+rounding
	}
}

// end is where the current part should end.
func (s *series) end() time.Duration { return s.ends[s.part] + s.shift }

// following is where the next part begins: with the frame of sound that ends nearest to
// where it should, or where the current one really ended if that is elsewhere.
func (s *series) following() time.Duration {
	end, sound := s.end(), s.last[media.TrackAudio]
	ended := max(sound, s.last[media.TrackVideo])
	switch {
	case s.long || ended < end-rounding:
		s.shift += ended - end
		return ended
	case (sound - end).Abs() < longestFrame:
		return sound
	}
	return end
}

// prepare begins to open the next part.
func (s *series) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil || s.closed {
		return
	}
	o, part := &opening{done: make(chan struct{})}, s.part+1
	s.next = o
	go func() { // interrupted and waited for by Close, or waited for by advance
		defer close(o.done)
		o.stream, o.err = s.open(s.ctx, part)
	}()
}

// advance makes the next part the current one. One with nothing to play is passed
// over.
func (s *series) advance() error {
	s.begin = s.following()
	for {
		s.prepare()
		s.mu.Lock()
		next := s.next
		s.mu.Unlock()
		if next == nil {
			return errStreamClosed()
		}
		<-next.done
		_ = s.current.Close()
		s.part++
		s.held, s.long = nil, false
		s.mu.Lock()
		closed := s.closed
		if !closed {
			s.next = nil
			if next.stream != nil {
				s.current = next.stream
			}
		}
		s.mu.Unlock()
		switch {
		case closed:
			return errStreamClosed()
		case !errors.Is(next.err, io.EOF) || s.part == len(s.ends)-1:
			return next.err
		}
		s.begin = s.end()
	}
}

func (s *series) Close() error {
	s.mu.Lock()
	s.closed = true
	current, next := s.current, s.next
	s.mu.Unlock()
	s.cancel()
	s.close.Do(func() {
		_ = current.Close()
		if next != nil {
			if <-next.done; next.stream != nil {
				_ = next.stream.Close()
			}
		}
		s.release()
	})
	return nil
}
