package shared

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Source is a media.Source whose streams are readers of one run.
type Source struct {
	inner media.Source
	whole bool // each reader begins at the start

	mu   sync.Mutex // guards what follows, and the readers of each run
	runs map[kind]*run
}

// kind says which frames a run gives.
type kind struct {
	format  media.Format
	vp8Only bool
}

// rawSource is a Source of one that can be published by RTMP.
type rawSource struct {
	*Source
	raw media.RawSource
}

// Encoding returns that of the source within.
func (s rawSource) Encoding() media.EncodeOptions { return s.raw.Encoding() }

// New returns a source that plays another one, for as many as want it.
func New(inner media.Source) media.Source {
	s := &Source{inner: inner, runs: map[kind]*run{}}
	if raw, ok := inner.(media.RawSource); ok {
		return &rawSource{s, raw}
	}
	return s
}

// Whole is a Source whose streams each have all of the source within. It can be seeked if
// that can: a stream from a position has one reader.
type Whole struct{ *Source }

// rawWhole is a Whole of a source that can be published by RTMP.
type rawWhole struct {
	Whole
	raw media.RawSource
}

// Encoding returns that of the source within.
func (s rawWhole) Encoding() media.EncodeOptions { return s.raw.Encoding() }

// FromStart returns a source whose streams each play another one from its start. Those that
// are opened within the window share a run.
func FromStart(inner media.Source) media.Source {
	s := Whole{&Source{inner: inner, whole: true, runs: map[kind]*run{}}}
	if raw, ok := inner.(media.RawSource); ok {
		return rawWhole{s, raw}
	}
	return s
}

// OpenAt opens the source within at a position, for one reader.
func (s Whole) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	if position == 0 {
		return s.Open(ctx, env)
	}
	stream, err := s.openAlone(ctx, env, position)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// openAlone opens the source within at a position.
func (s *Source) openAlone(ctx context.Context, env media.Env, position time.Duration) (*alone, error) {
	seekable, ok := s.inner.(media.SeekableSource)
	if !ok {
		return nil, models.ErrSeekUnsupported
	}
	env.Sound = media.Sound{} // as in a run
	stream, err := seekable.OpenAt(ctx, env, position)
	if err != nil {
		return nil, err
	}
	if inner, ok := stream.(interface{ Origin() time.Duration }); ok {
		position = inner.Origin()
	}
	return &alone{stream, position}, nil
}

// Tracks returns those of the source within.
func (s *Source) Tracks() media.Track { return s.inner.Tracks() }

// Open joins the run, or opens the source within if there is none. There is a run for
// encoded frames, for raw ones of each size, and for pictures that have to be VP8. The
// first caller opens it, with its env.
func (s *Source) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	for {
		r, first := s.join(kind{env.Format, env.VP8Only})
		if first {
			r.open(ctx, env)
		}
		select {
		case <-r.opened:
		case <-ctx.Done():
		}
		switch {
		case ctx.Err() != nil:
			s.leave(r)
			return nil, fmt.Errorf("shared: %w", ctx.Err())
		case r.abandoned: // by the one who was opening it
			s.leave(r)
		case r.err != nil:
			s.leave(r)
			return nil, r.err
		default:
			if reader, ok := r.newReader(ctx, env); ok {
				return reader.ready(ctx)
			}
			s.forget(r) // its start is gone: another one begins
			s.leave(r)
		}
	}
}

// join returns the run of a kind, and whether the caller has to open it.
func (s *Source) join(k kind) (r *run, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r = s.runs[k]
	if first = r == nil; first {
		r = newRun(s, k)
		s.runs[k] = r
	}
	r.readers++
	return r, first
}

// leave ends the use of a run, and the run with the last one.
func (s *Source) leave(r *run) {
	s.mu.Lock()
	r.readers--
	last := r.readers == 0
	s.mu.Unlock()
	if last {
		s.forget(r)
		r.close()
	}
}

// forget makes whoever comes next open the source again.
func (s *Source) forget(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[r.kind] == r {
		delete(s.runs, r.kind)
	}
}

var errClosed = fmt.Errorf("read frame: stream: %w", models.ErrClosed)
