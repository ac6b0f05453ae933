package media

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// lateAfter is how long a leg that has nothing ready may hold up the other one.
// Encoders stall for less; live inputs for more.
const lateAfter = 500 * time.Millisecond

// merge plays two Streams as one, in the order of their PTS. Each leg has a
// goroutine that reads one frame ahead; the frame's Data is the leg's own and
// stays valid until the leg is told to go on.
type merge struct {
	legs   [2]*leg
	origin time.Duration // owned by the reader
	given  *leg          // whose frame the reader has, owned by the reader
	end    error         // owned by the reader
	timer  *time.Timer   // owned by the reader

	closed  atomic.Bool
	close   sync.Once
	stop    chan struct{}
	readers sync.WaitGroup
}

// leg is one of the two Streams.
type leg struct {
	stream *encoder
	heads  chan head     // unbuffered, from the leg's goroutine
	goOn   chan struct{} // the head is used up

	// owned by the reader
	head  head
	ready bool          // head holds what comes next
	ended bool          // the leg is at its end
	late  bool          // the leg held the other up: it is not waited for
	after time.Duration // the leg's next frame is not before this
}

type head struct {
	frame Frame
	err   error
}

// newMerge takes two streams over.
func newMerge(audio, video *encoder) *merge {
	m := &merge{stop: make(chan struct{}), timer: time.NewTimer(0)}
	m.timer.Stop()
	// Both clocks begin where the earlier leg begins.
	m.origin = min(audio.origin, video.origin)
	for i, s := range []*encoder{audio, video} {
		s.origin = m.origin
		l := &leg{stream: s, heads: make(chan head), goOn: make(chan struct{})}
		m.legs[i] = l
		// Stopped by stop and the leg's Close, waited for by readers.
		m.readers.Add(1)
		go m.read(l)
	}
	return m
}

// read reads a leg, one frame ahead.
func (m *merge) read(l *leg) {
	defer m.readers.Done()
	for {
		f, err := l.stream.ReadFrame()
		select {
		case l.heads <- head{f, err}:
		case <-m.stop:
			return
		}
		if err != nil {
			return
		}
		select {
		case <-l.goOn:
		case <-m.stop:
			return
		}
	}
}

func (m *merge) Tracks() Track { return m.legs[0].stream.Tracks() | m.legs[1].stream.Tracks() }

func (m *merge) ReadFrame() (Frame, error) {
	if m.end == nil {
		m.release()
		m.end = m.fill()
	}
	if m.closed.Load() {
		return Frame{}, errStreamClosed()
	}
	if m.end != nil {
		return Frame{}, m.end
	}
	l := m.next()
	l.ready, l.after = false, l.head.frame.PTS+l.head.frame.Duration
	m.given = l
	return l.head.frame, nil
}

func (m *merge) Close() error {
	m.closed.Store(true)
	m.close.Do(func() {
		close(m.stop)
		for _, l := range m.legs {
			_ = l.stream.Close()
		}
	})
	m.readers.Wait()
	return nil
}

// release lets the leg go on whose frame the reader had.
func (m *merge) release() {
	if m.given == nil {
		return
	}
	select {
	case m.given.goOn <- struct{}{}:
	case <-m.stop:
	}
	m.given = nil
}

// next is the leg whose head is due first.
func (m *merge) next() *leg {
	a, b := m.legs[0], m.legs[1]
	if !a.ready || b.ready && b.head.frame.PTS < a.head.frame.PTS {
		return b
	}
	return a
}

// fill waits until some leg has a head that may leave. It returns io.EOF when
// both are at their end, and the error of one that crashed.
func (m *merge) fill() error {
	a, b := m.legs[0], m.legs[1]
	for {
		if err := errors.Join(m.poll(a), m.poll(b)); err != nil {
			return err
		}
		switch {
		case a.ended && b.ended:
			return io.EOF
		case a.mayLeave(b), b.mayLeave(a):
			return nil
		}
		if err := m.await(a, b); err != nil {
			return err
		}
	}
}

// mayLeave reports whether a leg's head is next, seen what is known of the other.
func (l *leg) mayLeave(other *leg) bool {
	return l.ready && (other.ready || other.ended || other.late || l.head.frame.PTS <= other.after)
}

// await waits for a head of either leg. A leg that lets a waiting head wait too
// long is late from then on, until it has something again.
func (m *merge) await(a, b *leg) error {
	var late <-chan time.Time
	if a.ready || b.ready {
		m.timer.Reset(lateAfter)
		defer m.timer.Stop()
		late = m.timer.C
	}
	select {
	case h := <-a.source():
		return a.take(h)
	case h := <-b.source():
		return b.take(h)
	case <-late:
		a.late, b.late = !a.ready, !b.ready
		return nil
	case <-m.stop:
		return errStreamClosed()
	}
}

// poll takes a leg's head when it is there.
func (m *merge) poll(l *leg) error {
	select {
	case h := <-l.source():
		return l.take(h)
	default:
		return nil
	}
}

// source is where the leg's next head comes from, or nil when none is wanted.
func (l *leg) source() <-chan head {
	if l.ready || l.ended {
		return nil
	}
	return l.heads
}

func (l *leg) take(h head) error {
	l.late = false
	switch {
	case errors.Is(h.err, io.EOF):
		l.ended = true
	case h.err != nil:
		return h.err
	default:
		l.head, l.ready = h, true
	}
	return nil
}
