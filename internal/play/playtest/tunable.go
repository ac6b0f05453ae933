package playtest

import (
	"context"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// Tunable is a Source whose streams have the sound that is asked for.
type Tunable struct {
	*Source
	Present bool // it is live: it says so, and has no speed

	opened []media.Sound // guarded by Source.mu
}

// NewTunable returns a Tunable of some length.
func NewTunable(tracks media.Track, length time.Duration) *Tunable {
	return &Tunable{Source: New(tracks, length)}
}

// Opened returns the sounds of the streams that were asked for.
func (t *Tunable) Opened() []media.Sound {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]media.Sound(nil), t.opened...)
}

// Open is OpenAt at Begin.
func (t *Tunable) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	return t.OpenAt(ctx, env, t.Begin)
}

// OpenAt returns a stream of frames of 20 ms that last as long as they are played.
func (t *Tunable) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	sound, err := env.Sound.Resolve()
	if err != nil {
		return nil, err
	}
	if t.Present {
		sound = sound.Live()
	}
	t.mu.Lock()
	t.opened = append(t.opened, sound)
	t.mu.Unlock()
	stream, err := t.Source.OpenAt(ctx, env, position)
	if err != nil {
		return nil, err
	}
	inner := stream.(*Stream)
	played := NewStream(t.tracks, 0, sound.Played(t.Length-position))
	for i := range played.Frames {
		f := &played.Frames[i]
		f.Data = []byte((position + sound.Media(f.PTS)).String())
	}
	inner.Frames = played.Frames
	return tunedStream{inner, sound, t.Present}, nil
}

type tunedStream struct {
	*Stream
	sound media.Sound
	live  bool
}

// Sound returns the sound that the stream has.
func (s tunedStream) Sound() (media.Sound, bool) { return s.sound, true }

// SourceInfo says whether the source is live.
func (s tunedStream) SourceInfo() media.SourceInfo { return media.SourceInfo{Live: s.live} }
