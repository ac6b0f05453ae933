package instances

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// opening is a source on its way to become the current session. There is at most
// one that counts; a later one calls it off.
type opening struct {
	cancel context.CancelCauseFunc
	source media.Source
	from   time.Duration // where the source begins

	// again is the session whose source a seek opens once more; nil for a new
	// source. When it ends meanwhile, ended and end keep that.
	again *session
	ended bool
	end   error
}

// setSource opens src and lets it replace what is playing. When it fails, what
// was playing goes on. It never waits for a connection.
func (p *player) setSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	o := &opening{source: src}
	if seekable, ok := src.(media.SeekableSource); ok {
		o.from = seekable.Start()
	}
	err := p.open(ctx, o, func() error { return nil }, src.Open)
	if err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	return nil
}

// seek opens the current source again, at what target makes of its position. The
// old position plays until the new one is ready. Before the start is the start;
// past the end is the source's natural end.
func (p *player) seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	o := &opening{}
	var src media.SeekableSource
	prepare := func() (err error) {
		if o.again, src, err = p.seekable(); err == nil {
			o.source, o.from = src, max(0, target(p.at()))
		}
		return err
	}
	err := p.open(ctx, o, prepare, func(ctx context.Context, env media.Env) (media.Stream, error) {
		return src.OpenAt(ctx, env, o.from)
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("seek: %w", err)
	}
	return nil
}

// seekable returns what a seek would open again. The caller holds mu.
func (p *player) seekable() (*session, media.SeekableSource, error) {
	switch {
	case p.opening != nil && p.opening.again == nil:
		return nil, nil, models.ErrSourceReplaced // what is playing is on its way out
	case p.current == nil:
		return nil, nil, models.ErrNoSource
	}
	src, ok := p.current.source.(media.SeekableSource)
	if !ok {
		return nil, nil, models.ErrSeekUnsupported
	}
	return p.current, src, nil
}

// open runs an opening from beginning to end: prepare with the lock held, start
// the source without, install the result.
func (p *player) open(ctx context.Context, o *opening, prepare func() error, start func(context.Context, media.Env) (media.Stream, error)) error {
	ctx, o.cancel = context.WithCancelCause(ctx)
	defer o.cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, p.stall, fmt.Errorf("%w: nothing for %s", models.ErrStalled, p.stall))
	defer stop()

	if err := p.begin(o, prepare); err != nil {
		return err
	}
	stream, err := start(ctx, p.env)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		p.abandon(o, err)
		return err
	}
	if want, have := o.source.Tracks(), stream.Tracks(); !have.Has(want) {
		p.env.Logger.Info("the source lacks a track that was asked for", "asked", want, "has", have)
	}
	if err := p.install(ctx, o, stream); err != nil {
		p.abandon(o, err)
		return errors.Join(err, stream.Close())
	}
	return nil
}

// begin makes o the opening that counts.
func (p *player) begin(o *opening, prepare func() error) error {
	report, err := nothing, error(nil)
	p.mu.Lock()
	if err = p.closed; err == nil {
		err = prepare()
	}
	if err == nil {
		report = p.callOff(models.ErrSourceReplaced, o)
		p.opening = o
	}
	p.mu.Unlock()
	report()
	return err
}

// callOff ends the opening that counts so far, if any, and with it the session
// whose end it kept back, unless the next opening is another seek in the same
// source. The caller holds mu and calls the report it gets without.
func (p *player) callOff(reason error, next *opening) (report func()) {
	o := p.opening
	p.opening = nil
	switch {
	case o == nil:
		return nothing
	case next != nil && next.again == o.again:
		next.ended, next.end = o.ended, o.end
	case o.ended:
		report = p.retire(o.again, o.end)
	}
	o.cancel(reason)
	if report == nil {
		return nothing
	}
	return report
}

// abandon gives up an opening that failed. A seek past the end ends the source.
func (p *player) abandon(o *opening, err error) {
	p.mu.Lock()
	if p.opening != o {
		p.mu.Unlock()
		return
	}
	report, over := p.callOff(nil, nil), o.again
	if over != nil && !o.ended && errors.Is(err, io.EOF) {
		report = p.retire(over, nil)
	} else {
		over = nil
	}
	p.mu.Unlock()
	if over != nil {
		over.close()
	}
	report()
}

// install makes an opened stream the current session, unless the opening was
// called off. The new session ends the old one before it writes.
func (p *player) install(ctx context.Context, o *opening, stream media.Stream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening != o || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.opening = nil
	old := p.current
	s := newSession(o.source, stream, o.from, p.stall, p.write, p.sessionEnded)
	if old != nil {
		p.count.late += old.late.Load()
		p.count.moves += old.moves.Load()
	}
	if o.again != nil {
		p.count.restarts++
	}
	p.current = s
	p.announce()
	go s.run(old, func() { p.start(s) }) // ends with the stream or on s.close, which waits for it
	return nil
}

// start lets the session's clock run, if nothing stands against it.
func (p *player) start(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.ready = true
	p.tick(s)
}
