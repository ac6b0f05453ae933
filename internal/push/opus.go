package push

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// capacity is how much may wait to be played before a Write blocks.
const capacity = 30 * time.Second

// Opus is a [media.Source] of the Opus packets that a program writes. One call at a
// time plays it. Its methods are safe for concurrent use.
type Opus struct {
	mu      sync.Mutex // guards what follows
	room    sync.Cond  // there is room, or the source is closed or flushed
	queue   fifo[packet]
	length  time.Duration // of the queue
	free    [][]byte
	flushes int
	closed  bool
	stream  *opusStream // that plays; nil for none
}

type packet struct {
	data   []byte
	length time.Duration
}

// NewOpus returns a source with nothing to play.
func NewOpus() *Opus {
	o := &Opus{}
	o.room.L = &o.mu
	return o
}

// Write adds one packet, which it copies. It blocks while half a minute is waiting. It
// returns the packet's length, and an error that wraps models.ErrInvalidParams for one
// that is no Opus packet, or models.ErrClosed after Close. A packet that waits for room
// when Flush is called is dropped, without an error.
func (o *Opus) Write(p []byte) (int, error) {
	length, ok := opus.Duration(p)
	if !ok {
		return 0, fmt.Errorf("write packet: %w: no Opus packet", models.ErrInvalidParams)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for flushes := o.flushes; o.length >= capacity && !o.closed; {
		if o.room.Wait(); o.flushes != flushes {
			return len(p), nil
		}
	}
	if o.closed {
		return 0, fmt.Errorf("write packet: %w", models.ErrClosed)
	}
	var data []byte
	if n := len(o.free); n > 0 {
		data, o.free = o.free[n-1][:0], o.free[:n-1]
	}
	o.queue.push(packet{append(data, p...), length})
	o.length += length
	return len(p), nil
}

// Flush drops what has been written and not been played. What has left for the listeners
// cannot be taken back.
func (o *Opus) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.queue.waiting() {
		o.free = append(o.free, p.data)
	}
	o.queue.clear()
	o.length = 0
	o.flushes++
	o.room.Broadcast()
}

// Close ends the source when what was written has been played: its end is a natural one.
// It does not wait, and is idempotent.
func (o *Opus) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.room.Broadcast()
	return nil
}

// Waiting returns how much has been written and not been played.
func (o *Opus) Waiting() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.length
}

// Tracks returns media.TrackAudio.
func (o *Opus) Tracks() media.Track { return media.TrackAudio }

// Open plays what has been written so far, and whatever follows. It fails while another
// call plays the source.
func (o *Opus) Open(_ context.Context, env media.Env) (media.Stream, error) {
	if env.Format.Raw() {
		return nil, fmt.Errorf("%w: Opus packets cannot be published by RTMP", models.ErrInvalidParams)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream != nil {
		return nil, fmt.Errorf("%w: another call plays the source", models.ErrInvalidParams)
	}
	o.stream = &opusStream{source: o}
	return o.stream, nil
}

// opusStream is one run of the source. It reads from memory alone, so it never blocks.
type opusStream struct {
	source  *Opus
	current []byte // that was returned last
	closed  bool   // guarded by the source's mu
	silence
}

// ReadFrame returns the next packet, or 10 ms of silence when none waits.
func (s *opusStream) ReadFrame() (media.Frame, error) {
	o := s.source
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := o.queue.waiting()
	switch {
	case s.closed:
		return media.Frame{}, fmt.Errorf("read frame: %w", models.ErrClosed)
	case len(waiting) == 0 && o.closed:
		return media.Frame{}, io.EOF
	case len(waiting) == 0:
		return s.quiet(), nil
	}
	p := waiting[0]
	o.queue.drop(1)
	o.length -= p.length
	o.room.Broadcast()
	if s.current != nil {
		o.free = append(o.free, s.current)
	}
	s.current = p.data
	return s.sound(p), nil
}

// Close ends the run. What waits is played by the next.
func (s *opusStream) Close() error {
	o := s.source
	o.mu.Lock()
	defer o.mu.Unlock()
	s.closed = true
	if o.stream == s {
		o.stream = nil
	}
	return nil
}
