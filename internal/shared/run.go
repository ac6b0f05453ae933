package shared

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// window is how much is kept behind the newest frame: behind the furthest reader
	// twice the interval of key frames, so that one of them is always there, and more
	// than a machine that is busy is late.
	window = 4*time.Second + aheadTime
	// maxKept and maxBytes bound what is kept of a source whose times stand still, and
	// of raw pictures.
	maxKept  = 4096
	maxBytes = 16 << 20
	// aheadTime is how much is read before the furthest reader wants it, so that it is
	// there when it does, and aheadFrames at least how many frames: of raw ones no more
	// than that, nor of what a program writes.
	aheadTime   = time.Second
	aheadFrames = 8
)

// run is one run of the source within.
type run struct {
	source *Source
	kind   kind
	cancel context.CancelFunc // set by open
	opened chan struct{}      // closed by open
	done   chan struct{}      // closed when the goroutine has ended

	// written before opened is closed
	stream    media.Stream
	tracks    media.Track
	start     time.Duration // where in the media it begins
	present   bool          // it has what there is at the time, and never waits
	err       error         // why it could not be opened
	abandoned bool          // because the one who opened it had enough

	readers int // guarded by the source's mu

	mu     sync.Mutex    // guards what follows
	moved  sync.Cond     // a frame was added, or a reader closed
	wish   sync.Cond     // edge has moved, or it is over
	ring   []media.Frame // frame n is at n modulo its length
	oldest uint64        // the number of the first frame that is kept
	next   uint64        // the number of the next frame to be read
	bytes  int           // of the frames that are kept
	spare  [2][]byte     // for the data of the next sound and picture
	edge   uint64        // the number of the frame that the furthest reader reads next
	end    error         // why there are no further frames; nil while there are
	over   bool          // nobody reads
}

func newRun(s *Source, k kind) *run {
	r := &run{source: s, kind: k, cancel: func() {}, opened: make(chan struct{}), done: make(chan struct{})}
	r.moved.L, r.wish.L = &r.mu, &r.mu
	return r
}

// open opens the source within and starts to read it. Until then the opening ends with
// ctx.
func (r *run) open(ctx context.Context, env media.Env) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	release := context.AfterFunc(ctx, cancel)
	r.err = errPanicked // unless something takes its place
	defer func() {
		if r.err != nil {
			cancel()
			r.source.forget(r)
			close(r.done)
		}
		close(r.opened)
	}()
	env.Sound = media.Sound{} // a call's own sound is not for the others
	r.stream, r.err = r.source.inner.Open(life, env)
	if !release() && r.err == nil {
		_ = r.stream.Close() // its opening has been given up
		r.err = ctx.Err()
	}
	r.abandoned = r.err != nil && ctx.Err() != nil
	if r.err == nil {
		r.tracks, r.start = r.stream.Tracks(), startOf(r.source.inner, r.stream)
		prompt, ok := r.stream.(interface{ Prompt() bool })
		r.present = ok && prompt.Prompt() && infoOf(r.stream).Live
		go r.read() // ends with the stream, or by close, which waits for it
	}
}

var errPanicked = fmt.Errorf("%w: the source panicked", models.ErrInternal)

// startOf returns where a source begins by itself, as it reports or else its stream.
func startOf(src media.Source, stream media.Stream) time.Duration {
	for _, from := range []any{src, stream} {
		if s, ok := from.(interface{ Start() time.Duration }); ok {
			return s.Start()
		}
	}
	return 0
}

// close ends a run that nobody reads, and waits for it.
func (r *run) close() {
	r.cancel()
	r.mu.Lock()
	r.over = true
	r.wish.Signal()
	r.mu.Unlock()
	if r.stream != nil && r.err == nil {
		_ = r.stream.Close() // the error of a killed process means nothing
	}
	<-r.done
}

// read reads frames as they are wanted, until the stream ends or panics.
func (r *run) read() {
	defer close(r.done)
	orderly := false
	defer func() {
		if !orderly {
			r.add(media.Frame{}, fmt.Errorf("%w: %v", errPanicked, recover()))
		}
	}()
	for r.wanted() {
		f, err := r.stream.ReadFrame()
		r.add(f, err)
		if err != nil {
			_ = r.stream.Close() // the run is forgotten with its first reader at the end
			break
		}
	}
	orderly = true
}

// wanted waits until a reader is about to need another frame, and reports false when
// nobody reads.
func (r *run) wanted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.over && r.enough() {
		r.wish.Wait()
	}
	return !r.over
}

// enough reports whether the next frame need not be read yet. mu must be held.
func (r *run) enough() bool {
	if r.next < r.edge+aheadFrames {
		return false
	}
	return r.kind.format.Raw() || r.present || r.next-r.edge > maxKept/2 || r.bytes > maxBytes/2 ||
		r.at(r.next-1).PTS-r.at(r.edge).PTS >= aheadTime
}

// at returns a frame that is kept. mu must be held.
func (r *run) at(n uint64) *media.Frame { return &r.ring[n%uint64(len(r.ring))] }

// add appends a frame to the ring, or notes the end.
func (r *run) add(f media.Frame, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.moved.Broadcast()
	if err != nil {
		r.end = err
		return
	}
	for r.oldest < r.next {
		first := r.at(r.oldest)
		if f.PTS-first.PTS <= window && r.next-r.oldest < maxKept && r.bytes <= maxBytes {
			break
		}
		*r.spareOf(first) = first.Data
		r.bytes -= len(first.Data)
		first.Data = nil
		r.oldest++
	}
	spare := r.spareOf(&f)
	f.Data = append((*spare)[:0], f.Data...)
	*spare = nil
	r.bytes += len(f.Data)
	if r.next-r.oldest == uint64(len(r.ring)) {
		r.grow()
	}
	*r.at(r.next) = f
	r.next++
}

// grow doubles the ring. mu must be held.
func (r *run) grow() {
	larger := make([]media.Frame, max(64, 2*len(r.ring)))
	for n := r.oldest; n < r.next; n++ {
		larger[n%uint64(len(larger))] = *r.at(n)
	}
	r.ring = larger
}

// spareOf returns the buffer for frames of the same track. mu must be held.
func (r *run) spareOf(f *media.Frame) *[]byte {
	if f.Track == media.TrackVideo {
		return &r.spare[1]
	}
	return &r.spare[0]
}

// live returns the number of the frame with which a reader begins: the first of all
// while it is kept, or else the last key frame before the edge, or without pictures the
// edge. That is the frame which the furthest reader plays, not the one that it waits to
// play: a new reader would be ahead of it, and a thousand one after another would read
// the source faster than it is played. mu must be held.
func (r *run) live() uint64 {
	if r.oldest == 0 {
		return 0
	}
	edge := max(r.oldest, r.edge-min(r.edge, 2))
	for n := edge + 1; n > r.oldest; n-- {
		if f := r.at(n - 1); f.Track == media.TrackVideo && f.Key {
			return n - 1
		}
	}
	return edge
}
