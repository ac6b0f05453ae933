package ffmpeg

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/merge"
	"github.com/gotgcall/gotgcall/media"
)

// pair is the Stream of two processes, one for sound and one for pictures. It ends
// when both have ended, or one with an error.
type pair struct {
	sound, pictures *Encoder
	merge           *merge.Merge
	end             error // owned by the reader
	closed          atomic.Bool
	close           sync.Once
}

// NewPair returns the Stream of two encoders, which it owns.
func NewPair(sound, pictures *Encoder) media.Stream {
	p := &pair{sound: sound, pictures: pictures, merge: merge.New(opened{sound}, opened{pictures})}
	p.merge.Opened()
	p.merge.Begin()
	return p
}

// opened is the merge.Feed of an open encoder.
type opened struct{ *Encoder }

func (o opened) Header() (media.Track, error) { return o.Tracks(), nil }

func (o opened) Next() (media.Frame, error) {
	f, err := o.ReadFrame()
	f.PTS += o.outputs[0].origin
	return f, err
}

// Start returns where in the media the commands begin by themselves.
func (p *pair) Start() time.Duration { return p.sound.Start() }

// Sound returns that of the sound. The pictures have its speed.
func (p *pair) Sound() (media.Sound, bool) { return p.sound.Sound() }

func (p *pair) Tracks() media.Track { return p.sound.Tracks() | p.pictures.Tracks() }

func (p *pair) ReadFrame() (media.Frame, error) {
	if p.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	if p.end != nil {
		return media.Frame{}, p.end
	}
	f, err := p.merge.Next()
	if p.end = err; err != nil && p.closed.Load() {
		return media.Frame{}, errStreamClosed()
	}
	return f, err
}

func (p *pair) Close() error {
	p.closed.Store(true)
	p.close.Do(func() {
		p.merge.Stop()
		_ = p.sound.Close()
		_ = p.pictures.Close()
	})
	p.merge.Wait()
	return nil
}
