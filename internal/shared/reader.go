package shared

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// reader is the stream of one call.
type reader struct {
	run *run

	// Of a source that is played whole, or nil: alone opens it for this reader at a
	// position, until cancel is called.
	alone  func(position time.Duration) (*alone, error)
	cancel context.CancelFunc

	prompt bool          // ReadFrame does not wait
	stall  time.Duration // for how long there may be nothing then

	// guarded by the run's mu
	next   uint64 // the number of the frame to be read next
	closed bool
	own    *alone // its stream since it was too slow for the run, or nil

	// owned by the goroutine that reads
	begun bool          // base is set
	base  time.Duration // the run's time at which the reader's is 0
	end   time.Duration // where the last frame ends, in the reader's time
	place time.Duration // where the last sound ends, or picture if there is no sound
	data  []byte        // of the last frame
	empty time.Time     // since when there is nothing; zero: there was something
}

// nothing is how long a prompt reader has nothing to play when there is no frame yet.
const nothing = 10 * time.Millisecond

// cushion is how many frames a reader begins with, so that it does not run out of them at
// once, and cushionTime how long it waits for those after the first.
const (
	cushion     = 4
	cushionTime = 100 * time.Millisecond
)

// defaultStall is how long a source may give nothing if the Env does not say.
const defaultStall = 30 * time.Second

// newReader returns a reader, or false if it is to have the start of the source, which is
// not kept.
func (r *run) newReader(ctx context.Context, env media.Env) (*reader, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.source.whole && r.oldest > 0 {
		return nil, false
	}
	s := &reader{
		run: r, next: r.live(), cancel: func() {},
		prompt: !r.source.whole && !env.Format.Raw(), stall: cmp.Or(env.StallTimeout, defaultStall),
	}
	if r.source.whole {
		life, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.cancel = cancel
		s.alone = func(position time.Duration) (*alone, error) { return r.source.openAlone(life, env, position) }
	}
	return s, true
}

// ready waits until the first frame can be read, and shortly for those after it. It closes
// the reader if ctx ends before.
func (s *reader) ready(ctx context.Context) (media.Stream, error) {
	r := s.run
	look := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.moved.Broadcast()
	}
	stop := context.AfterFunc(ctx, look)
	defer stop()
	r.mu.Lock()
	for s.next >= r.next && r.end == nil && ctx.Err() == nil {
		r.moved.Wait()
	}
	enough := time.Now().Add(cushionTime)
	defer time.AfterFunc(cushionTime, look).Stop()
	for r.next < s.next+cushion && r.end == nil && ctx.Err() == nil && time.Now().Before(enough) {
		r.moved.Wait()
	}
	r.mu.Unlock()
	if ctx.Err() != nil {
		return nil, errors.Join(fmt.Errorf("shared: %w", ctx.Err()), s.Close())
	}
	return s, nil
}

// Prompt reports whether ReadFrame never waits. A source that is played whole may have to
// be opened again, and raw frames are not read ahead.
func (s *reader) Prompt() bool { return s.prompt }

// Start returns where in the media the source within begins by itself, if the reader plays
// it whole; or else its times count from where it has joined.
func (s *reader) Start() time.Duration {
	if s.alone == nil {
		return 0
	}
	return s.run.start
}

// Tracks returns those of the run.
func (s *reader) Tracks() media.Track { return s.run.tracks }

// SourceInfo returns that of the run.
func (s *reader) SourceInfo() media.SourceInfo { return infoOf(s.run.stream) }

// ReadFrame returns the next frame. A reader that is so late that it is no longer kept
// goes on at the live edge, without a gap in its own time, or where it was if it plays the
// source whole. A prompt reader has a frame without data while there is none.
func (s *reader) ReadFrame() (media.Frame, error) {
	r := s.run
	for {
		r.mu.Lock()
		switch own := s.own; {
		case s.closed:
			r.mu.Unlock()
			return media.Frame{}, errClosed
		case own != nil:
			r.mu.Unlock()
			return s.readAlone(own)
		case s.next < r.oldest:
			r.mu.Unlock()
			if err := s.fallBehind(); err != nil {
				return media.Frame{}, err
			}
		case s.next < r.next:
			f := s.take()
			r.mu.Unlock()
			return f, nil
		case r.end != nil:
			r.mu.Unlock()
			r.source.forget(r) // whoever comes now begins another run
			return media.Frame{}, r.end
		case s.prompt:
			r.mu.Unlock()
			return s.nothing(time.Now())
		default:
			r.moved.Wait()
			r.mu.Unlock()
		}
	}
}

// fallBehind makes a reader go on whose next frame is not kept.
func (s *reader) fallBehind() error {
	r := s.run
	var own *alone
	err := models.ErrSeekUnsupported
	if s.alone != nil {
		own, err = s.alone(r.start + s.place)
	}
	switch {
	case errors.Is(err, models.ErrSeekUnsupported):
		r.mu.Lock()
		defer r.mu.Unlock()
		s.next, s.begun = r.live(), false
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return err
	}
	r.mu.Lock()
	closed := s.closed
	if !closed {
		s.own, s.base = own, r.start-own.origin
	}
	r.mu.Unlock()
	if closed {
		return errors.Join(errClosed, own.Close())
	}
	r.source.leave(r)
	return nil
}

// readAlone returns the next frame of the reader's own stream, in the reader's time. That
// begins with the packet that holds the place.
func (s *reader) readAlone(own *alone) (media.Frame, error) {
	for {
		f, err := own.ReadFrame()
		f.PTS -= s.base
		switch {
		case err != nil:
			return media.Frame{}, err
		case f.Track == media.TrackAudio && f.PTS+f.Duration/2 < s.place:
			continue
		}
		return f, nil
	}
}

// nothing returns a frame without data: later ones are due later by its length.
func (s *reader) nothing(now time.Time) (media.Frame, error) {
	switch {
	case s.empty.IsZero():
		s.empty = now
	case now.Sub(s.empty) >= s.stall:
		return media.Frame{}, fmt.Errorf("%w: nothing for %s", models.ErrStalled, s.stall)
	}
	f := media.Frame{Track: media.TrackAudio, PTS: s.end, Duration: nothing}
	if !s.run.tracks.Has(media.TrackAudio) {
		f.Track = media.TrackVideo
	}
	s.end += nothing
	s.base -= nothing
	return f, nil
}

// take returns the next frame in the reader's time. The run's mu must be held.
func (s *reader) take() media.Frame {
	r := s.run
	f := *r.at(s.next)
	s.next++
	s.empty = time.Time{}
	s.data = append(s.data[:0], f.Data...)
	f.Data = s.data
	if !s.begun {
		s.begun, s.base = true, f.PTS-s.end
	}
	f.PTS = max(0, f.PTS-s.base)
	s.end = max(s.end, f.PTS+f.Duration)
	if f.Track == media.TrackAudio || !r.tracks.Has(media.TrackAudio) {
		s.place = f.PTS + f.Duration
	}
	if r.edge < s.next {
		r.edge = s.next
		r.wish.Signal()
	}
	return f
}

// Close leaves the run, which ends with its last reader. It interrupts ReadFrame, and is
// idempotent.
func (s *reader) Close() error {
	r := s.run
	r.mu.Lock()
	closed, own := s.closed, s.own
	s.closed = true
	r.moved.Broadcast()
	r.mu.Unlock()
	s.cancel()
	switch {
	case own != nil:
		return own.Close()
	case !closed:
		r.source.leave(r)
	}
	return nil
}

// alone is a stream of the source within for one reader. It has no sound of a chat's own,
// as a run has none.
type alone struct {
	media.Stream
	origin time.Duration
}

// Origin returns from where its times count.
func (a *alone) Origin() time.Duration { return a.origin }

// SourceInfo returns what the stream within says of its input.
func (a *alone) SourceInfo() media.SourceInfo { return infoOf(a.Stream) }

// Restarts returns how often the input of the stream within was opened again.
func (a *alone) Restarts() uint64 {
	if inner, ok := a.Stream.(interface{ Restarts() uint64 }); ok {
		return inner.Restarts()
	}
	return 0
}

func infoOf(stream media.Stream) media.SourceInfo {
	if inner, ok := stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		return inner.SourceInfo()
	}
	return media.SourceInfo{}
}
