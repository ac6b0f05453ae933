package merge

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// soundWait is how long sound that is ready waits for a picture that is due
	// before it: half a frame, which costs nothing, as the frame is due only when
	// the previous one has been played.
	soundWait = 10 * time.Millisecond
	// legTimeout is how long a picture waits for sound. Encoders stall for less;
	// live inputs for more.
	legTimeout = 500 * time.Millisecond
	// framesAhead is how many frames of a leg are read ahead, so that a leg with
	// frames left is never found empty.
	framesAhead = 4
	// bytesAhead bounds the bytes read ahead of a leg while the other has nothing:
	// one process writes both, and writes no sound while a pipe full of pictures
	// blocks it. Broadcasts send pictures a second before their sound,
	// which is 62 MB of raw ones at 1280x720.
	bytesAhead = 64 << 20
)

// Feed is the input of a leg. One goroutine reads it.
type Feed interface {
	// Header returns the tracks that the header announces.
	Header() (media.Track, error)
	// Next returns the next frame, whose Data is valid until the next call.
	Next() (media.Frame, error)
}

// Merge interleaves the frames of two feeds, sound and pictures, in the order of their
// PTS. A leg with nothing ready delays the other for a moment at most.
type Merge struct {
	legs    [2]*leg // sound, pictures
	changed chan struct{}
	stop    chan struct{}
	readers sync.WaitGroup
	mu      sync.Mutex // guards what the legs say of it

	// owned by the reader
	origin time.Duration
	given  *leg // whose frame the reader has
	timer  *time.Timer
}

// leg is one of the two feeds.
type leg struct {
	feed Feed
	room chan struct{}

	// guarded by Merge.mu
	tracks media.Track // what it has, or what it should have until its header is there
	known  bool        // the header is there
	begun  bool        // it has had a frame
	queue  []media.Frame
	bytes  int
	free   [][]byte
	ended  error
	late   bool // it held the other up: it is not waited for
	hungry bool // the other has nothing: read on

	// owned by the reader
	given media.Frame
	after time.Duration // the leg's next frame is not before this
}

// New starts to read two feeds. The caller must call [Merge.Stop], make the feeds end, and
// call [Merge.Wait].
func New(sound, pictures Feed) *Merge {
	m := &Merge{changed: make(chan struct{}, 1), stop: make(chan struct{}), timer: time.NewTimer(0)}
	m.timer.Stop()
	m.legs[0] = &leg{feed: sound, tracks: media.TrackAudio, room: make(chan struct{}, 1)}
	m.legs[1] = &leg{feed: pictures, tracks: media.TrackVideo, room: make(chan struct{}, 1)}
	for _, l := range m.legs {
		// Ends with the feed, or after Stop; Wait waits for it.
		m.readers.Add(1)
		go m.read(l)
	}
	return m
}

// Stop interrupts Next, and lets the goroutines end once their feeds do. It may be called
// once.
func (m *Merge) Stop() { close(m.stop) }

// Wait waits until both feeds have ended.
func (m *Merge) Wait() { m.readers.Wait() }

// read reads a leg to its end, a few frames ahead.
func (m *Merge) read(l *leg) {
	defer m.readers.Done()
	tracks, err := l.feed.Header()
	m.mu.Lock()
	l.tracks, l.known, l.ended = tracks, true, err
	m.mu.Unlock()
	notify(m.changed)
	for err == nil {
		var f media.Frame
		f, err = l.feed.Next()
		if !m.put(l, f, err) {
			return
		}
	}
}

// put queues a frame, or notes the end of its feed, and waits for room for more. It
// returns false after Stop.
func (m *Merge) put(l *leg, f media.Frame, err error) bool {
	m.mu.Lock()
	if l.ended = err; err == nil {
		var buffer []byte
		if n := len(l.free); n > 0 {
			buffer, l.free = l.free[n-1], l.free[:n-1]
		}
		f.Data = append(buffer[:0], f.Data...)
		l.queue, l.bytes, l.begun, l.late = append(l.queue, f), l.bytes+len(f.Data), true, false
	}
	m.mu.Unlock()
	notify(m.changed)
	for {
		m.mu.Lock()
		wait := len(l.queue) >= framesAhead && (!l.hungry || l.full())
		m.mu.Unlock()
		if !wait {
			return true
		}
		select {
		case <-l.room:
		case <-m.stop:
			return false
		}
	}
}

func (l *leg) full() bool { return l.bytes >= bytesAhead }

// Lost reports whether a leg has ended without a frame.
func (m *Merge) Lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.legs[:], func(l *leg) bool { return !l.begun && l.ended != nil })
}

// Opened waits until both legs have begun or ended, but for a late one legTimeout at
// most. It returns the tracks there are: 0 if both have ended without a frame.
func (m *Merge) Opened() media.Track {
	defer m.timer.Stop()
	var late <-chan time.Time
	for {
		m.mu.Lock()
		tracks, begun, settled, ended := media.Track(0), false, true, true
		for _, l := range m.legs {
			begun, ended = begun || l.begun, ended && l.ended != nil
			settled = settled && (l.begun || l.ended != nil || l.known && l.tracks == 0)
			if l.begun || l.ended == nil {
				tracks |= l.tracks
			}
		}
		m.mu.Unlock()
		switch {
		case ended && !begun:
			return 0
		case settled && begun:
			return tracks
		}
		if begun && late == nil {
			m.timer.Reset(legTimeout)
			late = m.timer.C
		}
		select {
		case <-m.changed:
		case <-late:
			return tracks
		}
	}
}

// Begin makes the first frame of either leg the origin of the frames' times. It is called
// once, after Opened.
func (m *Merge) Begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := true
	for _, l := range m.legs {
		if len(l.queue) > 0 && (first || l.queue[0].PTS < m.origin) {
			m.origin, first = l.queue[0].PTS, false
		}
	}
	for _, l := range m.legs {
		l.after = m.origin
	}
}

// Next returns the next frame, whose Data is valid until the next call; io.EOF when both
// legs have ended; the error of a leg that failed; models.ErrClosed after Stop.
func (m *Merge) Next() (media.Frame, error) {
	defer m.timer.Stop()
	var timeout <-chan time.Time
	for {
		l, wait, err := m.pick(false)
		switch {
		case err != nil:
			return media.Frame{}, err
		case l != nil:
			return m.give(l), nil
		case wait > 0 && timeout == nil:
			m.timer.Reset(wait)
			timeout = m.timer.C
		}
		select {
		case <-m.changed:
		case <-timeout:
			timeout = nil
			if l, _, err := m.pick(true); l != nil || err != nil {
				return m.give(l), err
			}
		case <-m.stop:
			return media.Frame{}, models.ErrClosed
		}
	}
}

// give returns the given frame of a leg, with its time counted from the origin.
func (m *Merge) give(l *leg) media.Frame {
	if l == nil {
		return media.Frame{}
	}
	f := l.given
	m.given, l.after = l, f.PTS+f.Duration
	// The other track may begin a moment before the first frame.
	f.PTS = max(0, f.PTS-m.origin)
	return f
}

// pick returns the leg whose frame is next, as its given one, or how long to wait for
// the other leg. If overdue is set, the other is not waited for.
func (m *Merge) pick(overdue bool) (l *leg, wait time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release()
	a, b := m.legs[0], m.legs[1]
	for _, l := range m.legs {
		if len(l.queue) == 0 && l.ended != nil && !errors.Is(l.ended, io.EOF) {
			return nil, 0, l.ended
		}
	}
	a.hungry, b.hungry = false, false
	first, other, wait := a, b, soundWait
	if len(a.queue) == 0 || len(b.queue) > 0 && b.queue[0].PTS < a.queue[0].PTS {
		first, other, wait = b, a, legTimeout
	}
	switch {
	case len(first.queue) > 0:
	case a.ended != nil && b.ended != nil:
		return nil, 0, io.EOF
	default:
		return nil, 0, nil
	}
	other.late = other.late || overdue && len(other.queue) == 0
	if !first.mayLeave(other) {
		first.hungry = true
		notify(first.room)
		return nil, wait, nil
	}
	first.accept()
	return first, 0, nil
}

// accept moves the leg's first frame from the queue to given.
func (l *leg) accept() {
	l.given = l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	l.bytes -= len(l.given.Data)
	notify(l.room)
}

// mayLeave reports whether a leg's first frame is next, as far as the other is known.
func (l *leg) mayLeave(other *leg) bool {
	return len(other.queue) > 0 || other.ended != nil || other.known && other.tracks == 0 || other.late ||
		l.queue[0].PTS <= other.after || l.full()
}

// release recycles the buffer of the frame that the reader had.
func (m *Merge) release() {
	if m.given != nil {
		m.given.free = append(m.given.free, m.given.given.Data)
		m.given = nil
	}
}

// notify wakes the receiver of a channel with a buffer of one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
