package play

import (
	"context"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// The next source is open and waits: its first frame has been read, and its encoder is
// blocked in its pipe. It begins where the current one ends, on the same clock.
//
//	next set                          what happens
//	while nothing plays               it begins at once
//	while a source plays              it begins when that has ended
//	while SetSource opens the first   it begins after that source, or when that fails
//	again                             the later one replaces it, once it is open
//	nil                               it is closed
//
//	meanwhile                         what happens to the next source
//	the current one ends or fails     the end is reported, with its reason; it begins
//	Seek                              it stays; past the end it begins
//	SetSource                         it stays until that source is open, then it is closed
//	pause, mute, loss of connection   it stays, and begins as soon as it may
//	Shut                              it is closed, and reports nothing
//	Snapshot, Restore                 it is opened again, from its start
//
// A next source that breaks while it waits ends when it has begun, with the error.

// SetNext opens src, which begins when the current source has ended, or at once when
// nothing plays. A nil src takes back the one set before. It blocks until the first
// frame is there. When it fails, nothing has changed.
func (p *Player) SetNext(ctx context.Context, src media.Source) error {
	if src == nil {
		return p.clearNext()
	}
	return p.open(ctx, &opening{source: src, next: true})
}

// clearNext closes the next source, and calls off the one that is being opened.
func (p *Player) clearNext() error {
	p.mu.Lock()
	if p.closed != nil {
		defer p.mu.Unlock()
		return p.closed
	}
	over := p.next
	p.dropNext(models.ErrSourceReplaced, p.orders+1)
	p.mu.Unlock()
	if over != nil {
		<-over.done
	}
	return nil
}

// dropNext closes what was set as the next source before an order. mu must be held.
func (p *Player) dropNext(reason error, before uint64) {
	if o := p.openingNext; o != nil && o.order < before {
		p.openingNext = nil
		o.cancel(reason)
	}
	if s := p.next; s != nil && s.order < before {
		p.next = nil
		p.sessions.Add(1)
		go func() { // ends when the stream is closed; Close waits for it
			defer p.sessions.Done()
			s.discard()
		}()
	}
}

// arm makes an opened session the next one. mu must be held.
func (p *Player) arm(s *session) {
	p.dropNext(models.ErrSourceReplaced, s.order)
	p.next = s
	p.advance(time.Time{})
}

// advance begins the next source if nothing plays, and nothing is being opened that it
// is to follow. Its first frame is due at an instant, or as soon as it may be if that is
// zero or too long ago. mu must be held.
func (p *Player) advance(begin time.Time) {
	s := p.next
	if s == nil || p.current != nil || p.opening != nil && p.opening.order < s.order {
		return
	}
	p.next = nil
	s.first = begin
	p.play(s, nil)
	p.announce()
}

// mediaEnd returns when what was written last ends. A picture stands until another one
// replaces it: while there is sound its length does not count. mu must be held.
func (p *Player) mediaEnd() time.Time {
	if p.picture.Before(p.audioEnd) {
		return p.audioEnd
	}
	return p.pictureEnd
}

// restoreNext opens the next source of an earlier player, if there was one, in the
// background. If that fails, the source ends with the error when its turn comes. mu must
// be held.
func (p *Player) restoreNext(ctx context.Context, src media.Source) {
	if src == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	p.orders++
	o := &opening{order: p.orders, source: src, sound: p.sound, vp8Only: p.vp8Only, next: true, restored: true}
	life := o.live(ctx)
	p.openingNext = o
	p.sessions.Add(1)
	go func() { // ends with the opening, which Shut cancels; Close waits for it
		defer p.sessions.Done()
		_ = p.complete(ctx, life, o) // failNext has the error
	}()
}

// failNext ends the opening of a next source that failed.
func (p *Player) failNext(o *opening, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.openingNext != o {
		return
	}
	p.openingNext = nil
	if o.restored {
		tracks := o.source.Tracks()
		p.arm(p.session(o, brokenStream{tracks, err}, tracks))
	}
}

// brokenStream is the Stream of a source that could not be opened again.
type brokenStream struct {
	tracks media.Track
	err    error
}

func (b brokenStream) Tracks() media.Track             { return b.tracks }
func (b brokenStream) ReadFrame() (media.Frame, error) { return media.Frame{}, b.err }
func (b brokenStream) Close() error                    { return nil }
