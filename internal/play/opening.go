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

// opening is a source that is being opened to become the current session, or the next
// one. Of each kind only the latest counts: it cancels the one before.
type opening struct {
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when it has succeeded or failed
	order   uint64        // of all openings of the player, by when they began
	source  media.Source
	sound   media.Sound   // with which it is opened
	got     tuning        // what its stream has of that
	vp8Only bool          // with which it is opened, too
	from    time.Duration // where the stream begins
	exact   bool          // open the source at from, not where it begins itself

	next     bool         // it is to become the next session; see next.go
	restored bool         // SetNext was called on an earlier player
	keepNext bool         // it leaves the next source as it is
	then     media.Source // the next source to open after this one, or nil

	// target makes the position of a seek of that of the current source; nil for
	// a new source.
	target func(at time.Duration) time.Duration

	// retunes reports that the current source is reopened, where it will be, for its
	// sound alone. It is at join in its stream then; see sound.go.
	retunes bool
	join    time.Duration
	nextOf  *session // the next session that it is to replace, or nil: any

	// seekOf is the session whose source a seek reopens; nil for a new source. An
	// end of that session meanwhile is kept in sourceEnded and endErr.
	seekOf      *session
	sourceEnded bool
	endErr      error
}

// SetSource opens src and replaces what is playing with it, and closes the next source
// if that was set before. It blocks until the first frame is there, never for a
// connection. When it fails, what was playing goes on.
func (p *Player) SetSource(ctx context.Context, src media.Source) error {
	if src == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	return p.open(ctx, &opening{source: src})
}

// Replace is like SetSource but leaves the next source as it is.
func (p *Player) Replace(ctx context.Context, src media.Source) error {
	return p.open(ctx, &opening{source: src, keepNext: true})
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
	err := p.open(ctx, &opening{target: target})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// seek makes o an opening of the current source at the target. mu must be held.
func (p *Player) seek(o *opening) error {
	switch {
	case p.opening != nil && p.opening.seekOf == nil:
		return models.ErrSourceReplaced // the current source is being replaced
	case p.current == nil:
		return models.ErrNoSource
	}
	if _, ok := p.current.source.(media.SeekableSource); !ok {
		return models.ErrSeekUnsupported
	}
	o.seekOf, o.source, o.keepNext = p.current, p.current.source, true
	o.from, o.exact = max(0, o.target(p.at())), true
	return nil
}

// start opens the source. Its stream begins at from.
func (o *opening) start(ctx context.Context, env media.Env) (media.Stream, error) {
	if o.exact {
		stream, err := o.source.(media.SeekableSource).OpenAt(ctx, env, o.from)
		if s, ok := stream.(interface{ Origin() time.Duration }); err == nil && ok {
			o.from = s.Origin()
		}
		return stream, err
	}
	stream, err := o.source.Open(ctx, env)
	if err == nil && !o.retunes {
		o.from = startOf(o.source, stream)
	}
	return stream, err
}

// ErrPanicked is the cause of an opening whose source panics.
var ErrPanicked = fmt.Errorf("%w: the source panicked", models.ErrInternal)

// open runs an opening: it begins it with mu held, starts it without, and installs the
// stream.
func (p *Player) open(ctx context.Context, o *opening) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	life := o.live(ctx)
	if err := p.begin(o); err != nil {
		o.cancel(err)
		return err
	}
	return p.complete(ctx, life, o)
}

// live returns the context that the source gets, which lives as long as its stream.
func (o *opening) live(ctx context.Context) context.Context {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	o.cancel, o.done = cancel, make(chan struct{})
	return life
}

// complete starts and installs an opening that has begun. Until the stream is installed
// life ends with ctx too, and when the stall timeout has passed.
func (p *Player) complete(ctx, life context.Context, o *opening) (err error) {
	defer close(o.done)
	release := context.AfterFunc(ctx, func() { o.cancel(context.Cause(ctx)) })
	defer release()
	stalled := fmt.Errorf("%w: nothing for %s", models.ErrStalled, p.cfg.StallTimeout)
	stall := time.AfterFunc(p.cfg.StallTimeout, func() { o.cancel(stalled) })
	defer stall.Stop()
	err = ErrPanicked // unless something takes its place
	defer func() {
		if err != nil {
			o.cancel(err)
			p.failOpening(o, err)
		}
	}()

	env := p.cfg.Env
	env.Sound, env.VP8Only = o.sound, o.vp8Only
	stream, failed := o.start(life, env)
	if failed != nil {
		if life.Err() != nil {
			failed = context.Cause(life)
		}
		return failed
	}
	o.got = tuningOf(stream)
	want, have := o.source.Tracks(), stream.Tracks()
	if !have.Has(want) {
		p.cfg.Env.Logger.Info("the source lacks a track that was asked for", "asked", want, "has", have)
	}
	held := o.retunes && !p.meet(life, o)
	switch {
	case !release():
		failed = context.Cause(ctx)
	case held:
		failed = errHeld
	case !stall.Stop():
		failed = stalled
	default:
		failed = p.install(life, o, stream, have)
	}
	if failed != nil {
		o.cancel(failed)
		return errors.Join(failed, stream.Close())
	}
	return nil
}

// begin makes o the latest opening of its kind.
func (p *Player) begin(o *opening) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if o.target != nil {
		if err := p.seek(o); err != nil {
			return err
		}
	}
	if o.retunes {
		if err := p.aim(o); err != nil {
			return err
		}
	}
	p.orders++
	o.order, o.sound, o.vp8Only = p.orders, p.sound, p.vp8Only
	if o.next {
		if p.openingNext != nil {
			p.openingNext.cancel(models.ErrSourceReplaced)
		}
		p.openingNext = o
		return nil
	}
	p.cancelOpening(models.ErrSourceReplaced, o)
	p.opening = o
	p.advance(time.Time{})
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

// failOpening ends an opening that failed. A seek past the end ends the source; another
// sound past the end leaves it to itself.
func (p *Player) failOpening(o *opening, err error) {
	if o.next {
		p.failNext(o, err)
		return
	}
	p.mu.Lock()
	if p.opening != o {
		p.mu.Unlock()
		return
	}
	over := o.seekOf
	past := over != nil && !o.retunes && !o.sourceEnded && errors.Is(err, io.EOF)
	p.cancelOpening(nil, nil)
	p.advance(time.Time{})
	p.mu.Unlock()
	if past {
		over.close()
		p.sessionEnded(over, nil)
	}
}

// install makes an opened stream the current session, or the next one, unless the
// opening was cancelled.
func (p *Player) install(life context.Context, o *opening, stream media.Stream, tracks media.Track) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening != o && p.openingNext != o || life.Err() != nil {
		return context.Cause(life)
	}
	if o.nextOf != nil && o.nextOf != p.next {
		return models.ErrSourceReplaced // it has begun
	}
	if o.retunes && !o.exact {
		o.from = o.seekOf.position()
	}
	s := p.session(o, stream, tracks)
	if o.next {
		p.openingNext = nil
		p.arm(s)
		return nil
	}
	p.opening = nil
	if !o.keepNext {
		p.dropNext(models.ErrSourceReplaced, o.order)
	}
	old := p.current
	if old != nil {
		p.count.add(old)
	}
	if o.seekOf != nil {
		p.count.restarts++
	}
	if o.retunes && old != nil {
		s.goOn(old)
	}
	p.play(s, old)
	p.announce()
	p.restoreNext(life, o.then)
	return nil
}

// session returns the session of an opened stream.
func (p *Player) session(o *opening, stream media.Stream, tracks media.Track) *session {
	s := newSession(p.cfg.Wheel, o.source, stream, o.from, p.cfg.StallTimeout, p.write, p.sessionEnded)
	s.order, s.tracks, s.trail.step = o.order, tracks, p.cfg.Window/trailSteps
	s.asked, s.tuning, s.h264, s.retuned = o.sound, o.got, o.h264(), o.retunes
	s.cancel = func() { o.cancel(models.ErrClosed) }
	return s
}

// play makes a session the current one. It ends the old one, if any, before it writes.
// mu must be held.
func (p *Player) play(s, old *session) {
	p.current = s
	p.sessions.Add(1)
	s.gone = p.sessions.Done
	if old == nil {
		p.start(s, nil)
		s.begin()
		return
	}
	s.after = old.done
	go func() { // ends when the old one has written its last frame; the session is done after it
		old.halt()
		p.mu.Lock()
		p.start(s, old)
		p.mu.Unlock()
		s.begin()
	}()
}

// start lets the clock of a session run as soon as the player does. What replaces a
// session begins where the sound of that ended, even if the machine is a little late, but
// not before its last picture. mu must be held.
func (p *Player) start(s, old *session) {
	s.ready = true
	if old != nil && p.audioEnd.After(p.picture) {
		s.first = p.audioEnd
	}
	if old != nil && s.retuned {
		s.skipTo(old, p.picture)
	}
	p.syncClock(s)
}
