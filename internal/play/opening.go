package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// opening is a source that is being opened to become the current session. Only the
// latest counts: it cancels the one before.
type opening struct {
	cancel context.CancelCauseFunc
	source media.Source
	from   time.Duration // where the source begins

	// seekOf is the session whose source a seek reopens; nil for a new source. An
	// end of that session meanwhile is kept in sourceEnded and endErr.
	seekOf      *session
	sourceEnded bool
	endErr      error
}

// SetSource opens src and replaces what is playing with it. It blocks until the first
// frame is there, never for a connection. When it fails, what was playing goes on.
func (p *Player) SetSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	o := &opening{source: src}
	return p.open(ctx, o, func() error { return nil }, func(ctx context.Context, env media.Env) (media.Stream, error) {
		stream, err := src.Open(ctx, env)
		if err == nil {
			o.from = startOf(src, stream)
		}
		return stream, err
	})
}

// startOf returns where in the media a stream begins that was opened without a
// position, as the source reports or else the stream.
func startOf(src media.Source, stream media.Stream) time.Duration {
	type starter interface{ Start() time.Duration }
	if s, ok := src.(starter); ok {
		return s.Start()
	}
	if s, ok := stream.(starter); ok {
		return s.Start()
	}
	return 0
}

// Seek reopens the current source at what target makes of its position. The old
// position plays until the new one is ready. A position before the start is the start;
// one past the end is the natural end.
func (p *Player) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	o := &opening{}
	var src media.SeekableSource
	prepare := func() (err error) {
		if o.seekOf, src, err = p.seekable(); err == nil {
			o.source, o.from = src, max(0, target(p.at()))
		}
		return err
	}
	err := p.open(ctx, o, prepare, func(ctx context.Context, env media.Env) (media.Stream, error) {
		return src.OpenAt(ctx, env, o.from)
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// seekable returns what a seek reopens. mu must be held.
func (p *Player) seekable() (*session, media.SeekableSource, error) {
	switch {
	case p.opening != nil && p.opening.seekOf == nil:
		return nil, nil, models.ErrSourceReplaced // the current source is being replaced
	case p.current == nil:
		return nil, nil, models.ErrNoSource
	}
	src, ok := p.current.source.(media.SeekableSource)
	if !ok {
		return nil, nil, models.ErrSeekUnsupported
	}
	return p.current, src, nil
}

// ErrPanicked is the cause of an opening whose source panics.
var ErrPanicked = fmt.Errorf("%w: the source panicked", models.ErrInternal)

// open runs an opening from beginning to end: prepare with the lock held, start
// the source without, install the result. The context that the source gets lives as
// long as its stream; until that is installed it ends with ctx too, and when the
// stall timeout has passed.
func (p *Player) open(ctx context.Context, o *opening, prepare func() error, start func(context.Context, media.Env) (media.Stream, error)) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	o.cancel = cancel
	release := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer release()
	stalled := fmt.Errorf("%w: nothing for %s", models.ErrStalled, p.cfg.StallTimeout)
	stall := time.AfterFunc(p.cfg.StallTimeout, func() { cancel(stalled) })
	defer stall.Stop()
	if err := p.begin(o, prepare); err != nil {
		cancel(err)
		return err
	}
	err = ErrPanicked // unless something takes its place
	defer func() {
		if err != nil {
			cancel(err)
			p.failOpening(o, err)
		}
	}()

	stream, failed := start(life, p.cfg.Env)
	if failed != nil {
		if life.Err() != nil {
			failed = context.Cause(life)
		}
		return failed
	}
	want, have := o.source.Tracks(), stream.Tracks()
	if !have.Has(want) {
		p.cfg.Env.Logger.Info("the source lacks a track that was asked for", "asked", want, "has", have)
	}
	switch {
	case !release():
		failed = context.Cause(ctx)
	case !stall.Stop():
		failed = stalled
	default:
		failed = p.install(life, o, stream, have)
	}
	if failed != nil {
		cancel(failed)
		return errors.Join(failed, stream.Close())
	}
	return nil
}

// begin makes o the latest opening.
func (p *Player) begin(o *opening, prepare func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if err := prepare(); err != nil {
		return err
	}
	p.cancelOpening(models.ErrSourceReplaced, o)
	p.opening = o
	return nil
}

// cancelOpening cancels the latest opening, if any, and finishes the session whose end
// it kept back, unless the next opening is another seek in the same source. mu must be
// held.
func (p *Player) cancelOpening(reason error, next *opening) {
	o := p.opening
	p.opening = nil
	switch {
	case o == nil:
		return
	case next != nil && next.seekOf == o.seekOf:
		next.sourceEnded, next.endErr = o.sourceEnded, o.endErr
	case o.sourceEnded:
		p.finish(o.seekOf, o.endErr)
	}
	o.cancel(reason)
}

// failOpening ends an opening that failed. A seek past the end ends the source.
func (p *Player) failOpening(o *opening, err error) {
	p.mu.Lock()
	if p.opening != o {
		p.mu.Unlock()
		return
	}
	over := o.seekOf
	past := over != nil && !o.sourceEnded && errors.Is(err, io.EOF)
	p.cancelOpening(nil, nil)
	p.mu.Unlock()
	if past {
		over.close()
		p.sessionEnded(over, nil)
	}
}

// install makes an opened stream the current session, unless the opening was
// cancelled. The new session ends the old one before it writes.
func (p *Player) install(life context.Context, o *opening, stream media.Stream, tracks media.Track) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening != o || life.Err() != nil {
		return context.Cause(life)
	}
	p.opening = nil
	old := p.current
	s := newSession(o.source, stream, o.from, p.cfg.StallTimeout, p.write, p.sessionEnded)
	s.tracks, s.trail.step = tracks, p.cfg.Window/trailSteps
	s.cancel = func() { o.cancel(models.ErrClosed) }
	if old != nil {
		p.count.add(old)
	}
	if o.seekOf != nil {
		p.count.restarts++
	}
	p.current = s
	p.announce()
	p.pumps.Add(1)
	go func() { // ends with the stream or on s.close; close waits for it
		defer p.pumps.Done()
		s.run(old, func() { p.start(s) })
	}()
	return nil
}

// start lets the clock of a session run as soon as the player does.
func (p *Player) start(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.ready = true
	p.syncClock(s)
}
