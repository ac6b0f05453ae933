package play

import (
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

const (
	// aheadMost is how much of a stream is read before it is due, and aheadLeast how
	// much is left when it is read on: an encoder is woken a few times a second, and
	// one that stalls for a moment is not heard.
	aheadMost  = 2 * time.Second
	aheadLeast = 1500 * time.Millisecond
	// aheadBytes bounds what is read ahead of pictures, and aheadFrames of frames
	// whose times stand still.
	aheadBytes  = 1 << 20
	aheadFrames = 1024
	// lentBytes is the size from which a frame is not copied, and nothing is read
	// until it has been written: raw pictures.
	lentBytes = 256 << 10
)

// ahead reads a stream that may block, on one goroutine, a little ahead of the wheel. The frames are kept in one ring of bytes.
type ahead struct {
	stream media.Stream
	wake   func()        // called when next has returned nothing, and there is something
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // there is room, or closed
	frames  []kept     // a ring
	head    int        // the first one
	count   int        // how many
	given   bool       // the first one is in use by the wheel
	lent    bool       // the last one is the stream's
	bytes   int        // of all
	store   []byte     // their data
	tail    int        // where in store the last one ends
	wanted  bool       // the wheel waits
	waiting bool       // the goroutine waits for room
	closed  bool
	err     error // how the stream ended
}

// kept is a frame, and where its data begins in the store.
type kept struct {
	media.Frame
	from int
}

func newAhead(stream media.Stream, wake func()) *ahead {
	a := &ahead{stream: stream, wake: wake, done: make(chan struct{})}
	a.room.L = &a.mu
	go a.run() // ends with the stream; stop, and the stream's Close, end it, and done is waited for
	return a
}

// run reads the stream to its end.
func (a *ahead) run() {
	defer close(a.done)
	orderly := false
	defer func() {
		if !orderly {
			a.put(media.Frame{}, panicked(recover()))
		}
	}()
	for {
		f, err := a.stream.ReadFrame()
		if !a.put(f, err) || !a.awaitRoom() {
			break
		}
	}
	orderly = true
}

// put adds a frame, or the end. It returns false when nothing is to be read after it.
func (a *ahead) put(f media.Frame, err error) bool {
	a.mu.Lock()
	if a.err = err; err == nil {
		a.keep(f)
	}
	wanted := a.wanted
	a.wanted = false
	a.mu.Unlock()
	if wanted {
		a.wake()
	}
	return err == nil
}

// awaitRoom waits until there is room for more, and returns false after stop.
func (a *ahead) awaitRoom() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.waiting = a.full(aheadMost); a.waiting && !a.closed; {
		a.room.Wait()
	}
	return !a.closed
}

// full reports whether nothing is to be read while a span is kept. mu must be held.
func (a *ahead) full(span time.Duration) bool {
	switch {
	case a.count == 0:
		return false
	case a.lent || a.bytes >= aheadBytes || a.count >= aheadFrames:
		return true
	}
	last := &a.frames[(a.head+a.count-1)%len(a.frames)]
	return last.PTS+last.Duration-a.frames[a.head].PTS >= span
}

// next returns the next frame, valid until the following call, or the end, or false
// when there is none yet.
func (a *ahead) next() (f media.Frame, ok bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.given {
		a.release()
	}
	if a.waiting && !a.full(aheadLeast) {
		a.waiting = false
		a.room.Signal()
	}
	switch {
	case a.count > 0:
		a.given = true
		return a.frames[a.head].Frame, true, nil
	case a.err == nil:
		a.wanted = true
	}
	return media.Frame{}, false, a.err
}

// release drops the first frame. mu must be held.
func (a *ahead) release() {
	first := &a.frames[a.head]
	a.bytes -= len(first.Data)
	first.Data = nil
	a.head, a.count, a.given = (a.head+1)%len(a.frames), a.count-1, false
	if a.count == 0 {
		a.lent, a.tail = false, 0
	}
}

// keep appends a frame. mu must be held.
func (a *ahead) keep(f media.Frame) {
	if a.count == len(a.frames) {
		larger := make([]kept, max(32, 2*a.count))
		for i := range a.count {
			larger[i] = a.frames[(a.head+i)%len(a.frames)]
		}
		a.frames, a.head = larger, 0
	}
	from := a.tail
	if a.lent = len(f.Data) >= lentBytes; !a.lent {
		from = a.space(len(f.Data))
		f.Data = a.store[from : from+copy(a.store[from:], f.Data)]
		a.tail = from + len(f.Data)
	}
	a.frames[(a.head+a.count)%len(a.frames)] = kept{f, from}
	a.count++
	a.bytes += len(f.Data)
}

// space returns where in the store size bytes are free, and enlarges it if need be. mu must
// be held.
func (a *ahead) space(size int) int {
	if a.count > 0 {
		first := a.frames[a.head].from
		switch {
		case a.tail >= first && len(a.store)-a.tail >= size:
			return a.tail
		case a.tail >= first && size < first:
			return 0
		case a.tail < first && size < first-a.tail:
			return a.tail
		}
	} else if size <= len(a.store) {
		return 0
	}
	larger := make([]byte, max(4<<10, 2*len(a.store), len(a.store)+2*size))
	end := 0
	for i := range a.count {
		k := &a.frames[(a.head+i)%len(a.frames)]
		k.from = end
		end += copy(larger[end:], k.Data)
		k.Data = larger[k.from:end]
	}
	a.store = larger
	return end
}

// stop lets the goroutine end once ReadFrame does.
func (a *ahead) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.room.Signal()
}
