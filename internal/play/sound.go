package play

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

// Another sound is made by the encoder, so the current source is opened once more with
// it: not where it is but where it will be in a moment. It plays up to there, and the new
// session goes on: with the next frame if it was ready in time, or else with the first
// that has not been played. The next source, which waits, is opened again as well.

const (
	// soundLead is how far ahead the source is reopened: an encoder needs 60 ms to
	// its first frame (ARCHITECTURE.md), and another sound is to be heard within 300.
	// It is a number of frames of 20 and 40 ms.
	soundLead = 160 * time.Millisecond
	// soundPace is the least time between two reopenings for the sound: somebody may
	// move a slider.
	soundPace = 150 * time.Millisecond
	// soundFrame is how long a frame of sound lasts before one has been played.
	soundFrame = 20 * time.Millisecond
	// shortly is the wait for a frame that is late.
	shortly = 2 * time.Millisecond
)

// errHeld is why a source is not reopened where it would have been: it has been paused
// before it was there.
var errHeld = errors.New("playback was held")

// Sound returns the sound that was set last.
func (p *Player) Sound() media.Sound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sound
}

// SetSound sets the sound of the current source and of all later ones. It blocks until
// the current one and the next have it. Of several calls at once the last counts; the
// others return when it does.
//
// The sound is set even if it returns an error: one that wraps
// [models.ErrSoundUnsupported] if the current source cannot have all of it.
func (p *Player) SetSound(ctx context.Context, s media.Sound) error {
	s, err := s.Resolve()
	if err != nil {
		return err
	}
	p.mu.Lock()
	if p.closed != nil {
		defer p.mu.Unlock()
		return p.closed
	}
	p.sound = s
	p.sounds++
	p.mu.Unlock()
	select {
	case p.tuning <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.tuning }()
	return p.tuneAll(ctx)
}

// tuneAll reopens what does not have the sound that was set last, or the codec.
func (p *Player) tuneAll(ctx context.Context) error {
	for {
		done, err := p.tune(ctx)
		switch {
		case errors.Is(err, errHeld), errors.Is(err, models.ErrSourceReplaced):
			p.tryAgain()
		case done, err != nil:
			return err
		}
	}
}

// tryAgain lets the current source be retuned once more.
func (p *Player) tryAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		p.current.tried = 0
	}
}

// tune makes one step towards the sound that was set last, and reports whether there is
// none left.
func (p *Player) tune(ctx context.Context) (done bool, err error) {
	p.mu.Lock()
	if p.closed != nil {
		defer p.mu.Unlock()
		return true, p.closed
	}
	var o *opening
	busy := p.opening // another source, or a seek: it comes first
	if next := p.openingNext; busy == nil && next != nil && (next.sound != p.sound || p.vp8Only && next.h264()) {
		busy = p.openingNext
	}
	switch {
	case busy != nil:
	case p.untuned(p.current):
		o = &opening{retunes: true}
	case p.untuned(p.next):
		o = &opening{source: p.next.source, next: true, nextOf: p.next}
		p.next.tried = p.sounds
	default:
		defer p.mu.Unlock()
		return true, p.current.lacks(p.sound)
	}
	wait := time.Until(p.tuned.Add(soundPace))
	p.mu.Unlock()
	if busy != nil {
		select {
		case <-busy.done:
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
		return false, nil
	}
	if !await(ctx, wait) {
		return true, context.Cause(ctx)
	}
	return false, p.retune(ctx, o)
}

// retune reopens a source for its sound. One that is at its end keeps its own.
func (p *Player) retune(ctx context.Context, o *opening) error {
	err := p.open(ctx, o)
	switch {
	case errors.Is(err, models.ErrNoSource):
		return nil
	case errors.Is(err, io.EOF) && o.retunes:
		p.mu.Lock()
		defer p.mu.Unlock()
		o.seekOf.atEnd = true
		return nil
	case errors.Is(err, models.ErrSeekUnsupported):
		return fmt.Errorf("%w: %w", models.ErrSoundUnsupported, err)
	}
	return err
}

// untuned reports whether a session, which may be nil, is to be opened again for the
// sound or the codec. mu must be held.
func (p *Player) untuned(s *session) bool {
	switch {
	case s == nil || s.tried == p.sounds:
		return false
	case p.vp8Only && s.h264:
		return true
	case !s.tunable || s.asked == p.sound:
		return false
	}
	return !s.live || s.sound != p.sound.Live()
}

// tuning is what a stream says of its sound.
type tuning struct {
	sound   media.Sound
	tunable bool // its source takes another
	live    bool // the source has a present rather than positions
}

func tuningOf(stream media.Stream) (t tuning) {
	if s, ok := stream.(interface{ Sound() (media.Sound, bool) }); ok {
		t.sound, t.tunable = s.Sound()
	}
	if s, ok := stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		t.live = s.SourceInfo().Live
	}
	return t
}

// lacks returns an error if a session, which may be nil, does not have all of a sound. mu
// must be held.
func (s *session) lacks(sound media.Sound) error {
	if s == nil || s.atEnd {
		return nil
	}
	has, err := s.sound.Resolve()
	switch {
	case err != nil || has == sound:
		return nil
	case has == sound.Live():
		return fmt.Errorf("%w: it keeps its own speed and loudness", models.ErrSoundUnsupported)
	}
	return fmt.Errorf("%w: it keeps its own sound", models.ErrSoundUnsupported)
}

// aim makes o an opening of the current source where that will be. mu must be held.
func (p *Player) aim(o *opening) error {
	s := p.current
	switch {
	case s == nil:
		return models.ErrNoSource
	case p.opening != nil:
		return models.ErrSourceReplaced // it is being replaced, or sought
	}
	s.tried, p.tuned = p.sounds, time.Now()
	o.seekOf, o.source, o.keepNext = s, s.source, true
	if s.live {
		return nil // it is opened at its present
	}
	if _, o.exact = s.source.(media.SeekableSource); !o.exact && s.fresh() {
		return nil // there is nothing before it
	}
	if !o.exact {
		return models.ErrSeekUnsupported
	}
	o.join = s.joint()
	frame := s.soundFrame()
	if _, running := s.clock.due(0); running {
		o.join += (soundLead + frame - 1) / frame * frame
	}
	// The first frame is not played: it has the beginning of an encoder, which is
	// silent for 6.5 ms (RFC 7845 section 4.2).
	o.from = max(0, s.media(o.join)-p.sound.Media(frame))
	return nil
}

// meet waits until the session that an opening goes on with is where that begins, or is
// over. It returns false if it is held before.
func (p *Player) meet(ctx context.Context, o *opening) bool {
	s := o.seekOf
	for o.exact && s.joint() < o.join {
		due, running := s.clock.due(o.join - s.soundFrame())
		p.mu.Lock()
		ended := o.sourceEnded
		p.mu.Unlock()
		if ended {
			break
		}
		if !running {
			return false
		}
		wait := time.Until(due)
		if wait < -maxLate || !await(ctx, max(shortly, wait)) {
			break // it has nothing to play, or open finds out
		}
	}
	return true
}

// await waits for a while, and returns false when ctx is done before.
func await(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// media returns the position in the media of a time in the stream.
func (s *session) media(at time.Duration) time.Duration { return s.base + s.sound.Media(at) }

// since returns where in the stream another session's time in the media is. It may be
// before the beginning.
func (s *session) since(other *session, at time.Duration) time.Duration {
	return s.sound.Played(other.media(at) - s.base)
}

// joint returns how much of the stream's sound has been played, or of its pictures if
// there is none: a picture that has been written may last longer.
func (s *session) joint() time.Duration {
	if s.tracks.Has(media.TrackAudio) {
		return time.Duration(s.heard.Load())
	}
	return s.at()
}

// soundFrame returns how long the frame of sound lasts that was played last.
func (s *session) soundFrame() time.Duration {
	return cmp.Or(time.Duration(s.lasts.Load()), soundFrame)
}

// fresh reports whether no frame has been written.
func (s *session) fresh() bool { return s.handed.Load() == s.lead.Load() }

// goOn makes the session one that goes on with the media of another. The player's mu must
// be held.
func (s *session) goOn(old *session) {
	convert := func(at time.Duration) time.Duration { return s.since(old, at) }
	s.trail.follow(&old.trail, convert)
	s.place = convert(old.place)
	s.skip(old)
}

// skip begins with what the session before has not played.
func (s *session) skip(old *session) { s.begins(max(0, s.since(old, old.joint()))) }

// begins makes the stream begin at one of its times.
func (s *session) begins(at time.Duration) {
	s.handed.Store(int64(at))
	s.heard.Store(int64(at))
	s.lead.Store(int64(at))
}

// skipTo is skip once the old session has written its last frame, and its last picture
// was due at an instant. It is called before the session begins.
func (s *session) skipTo(old *session, picture time.Time) {
	s.skip(old)
	s.clock.skip(time.Duration(s.lead.Load()))
	s.picture, s.sounded = picture, time.Now()
}

// played reports whether the session before has played a frame of sound. The first that
// it has not played is due at once. Pictures are needed by those after them.
func (s *session) played(f media.Frame) bool {
	if !s.retuned || s.joined || f.Track != media.TrackAudio {
		return false
	}
	lead := time.Duration(s.lead.Load())
	if f.PTS+f.Duration/2 < lead {
		return true
	}
	s.joined, s.sent = true, [2]time.Time{}
	s.clock.skip(f.PTS - lead)
	if s.fresh() {
		s.begins(f.PTS)
	}
	return false
}

// afterPicture returns when a frame is due: pictures that the session before has shown
// come after its last one, a little apart.
func (s *session) afterPicture(f media.Frame, due time.Time) time.Time {
	if f.Track != media.TrackVideo || s.picture.IsZero() {
		return due
	}
	if next := s.picture.Add(time.Millisecond); due.Before(next) {
		due = next
	} else {
		s.picture = time.Time{}
		return due
	}
	s.picture = due
	return due
}
