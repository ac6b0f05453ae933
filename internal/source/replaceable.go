package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/gotgcall/gotgcall/media"
)

// facts are what a stream says of itself, kept by the streams that are made of it.
type facts struct {
	tracks media.Track
	info   media.SourceInfo
	tuning tuning
}

func factsOf(stream media.Stream) facts {
	return facts{stream.Tracks(), infoOf(stream), tuningOf(stream)}
}

// Tracks returns those of the stream.
func (f facts) Tracks() media.Track { return f.tracks }

// SourceInfo returns what the input says of itself.
func (f facts) SourceInfo() media.SourceInfo { return f.info }

// Sound returns the sound that the stream has, and whether its source takes another.
func (f facts) Sound() (media.Sound, bool) { return f.tuning.sound, f.tuning.ok }

// replaceable is an open stream that another one of the same file can take the place of.
type replaceable struct {
	facts                  // of the first stream
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	restarts atomic.Uint64
	reading  atomic.Pointer[media.Stream] // current, for any goroutine

	mu      sync.Mutex // guards current; held while another is opened
	current media.Stream
}

// newReplaceable returns a replaceable that owns a stream.
func newReplaceable(stream media.Stream) *replaceable {
	r := &replaceable{facts: factsOf(stream), current: stream}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.reading.Store(&stream)
	return r
}

// replace closes the current stream and opens another one. It returns io.EOF if there is
// nothing at its position, and why else it cannot be opened with a word of what it is.
func (r *replaceable) replace(what string, open func(ctx context.Context) (media.Stream, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return errStreamClosed()
	}
	_ = r.current.Close()
	stream, err := open(r.ctx)
	switch {
	case r.ctx.Err() != nil:
		if err == nil {
			_ = stream.Close()
		}
		return errStreamClosed()
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	r.restarts.Add(1 + restartsOf(r.current))
	r.current = stream
	r.reading.Store(&stream)
	return nil
}

// Restarts returns how often the file was reopened.
func (r *replaceable) Restarts() uint64 { return r.restarts.Load() + restartsOf(*r.reading.Load()) }

func restartsOf(stream media.Stream) uint64 {
	if s, ok := stream.(interface{ Restarts() uint64 }); ok {
		return s.Restarts()
	}
	return 0
}

// Close closes the current stream; see [media.Stream].
func (r *replaceable) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.Close()
}
