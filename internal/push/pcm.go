package push

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// PCM is a [media.Source] of the samples that a program writes. One call at a time plays
// it. Its methods are safe for concurrent use.
type PCM struct {
	format  media.PCMFormat
	options media.EncodeOptions
	second  int // bytes

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	queue   fifo[byte] // samples, whole ones except for the last
	flushes int
	written time.Time // when Write last added any
	closed  bool
	stream  *pcmStream // that plays; nil for none
}

// NewPCM returns a source with nothing to play.
func NewPCM(format media.PCMFormat, options media.EncodeOptions) *PCM {
	p := &PCM{format: format, options: options, second: format.Rate * format.Channels * 2}
	p.changed.L = &p.mu
	return p
}

// Write adds samples, which it copies. It blocks while half a minute is waiting. Samples
// that wait for room when Flush is called are dropped, without an error. The error wraps
// models.ErrInvalidParams for a format that cannot be played, and models.ErrClosed after
// Close.
func (p *PCM) Write(samples []byte) (int, error) {
	if err := p.format.Check(); err != nil {
		return 0, fmt.Errorf("write samples: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for flushes := p.flushes; p.waiting() >= capacity && !p.closed; {
		if p.changed.Wait(); p.flushes != flushes {
			return len(samples), nil
		}
	}
	if p.closed {
		return 0, fmt.Errorf("write samples: %w", models.ErrClosed)
	}
	p.queue.push(samples...)
	p.written = time.Now()
	p.changed.Broadcast()
	return len(samples), nil
}

// waiting returns how much is in the queue. mu must be held.
func (p *PCM) waiting() time.Duration {
	return time.Duration(len(p.queue.waiting())) * time.Second / time.Duration(p.second)
}

// Waiting returns how much has been written and not been given to the encoder, which is
// a tenth of a second ahead of what is played.
func (p *PCM) Waiting() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.second == 0 {
		return 0
	}
	return p.waiting()
}

// Flush drops what has been written and not been played.
func (p *PCM) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.clear()
	p.flushes++
	if p.stream != nil {
		p.stream.flush()
	}
	p.changed.Broadcast()
}

// Close ends the source when what was written has been played: its end is a natural one.
// It does not wait, and is idempotent.
func (p *PCM) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
	return nil
}

// Tracks returns media.TrackAudio.
func (p *PCM) Tracks() media.Track { return media.TrackAudio }

// Open starts an encoder, and returns when it is warm. It fails while another call plays
// the source.
func (p *PCM) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	if env.Format.Raw() {
		return nil, fmt.Errorf("%w: samples of a program cannot be published by RTMP", models.ErrInvalidParams)
	}
	if err := p.format.Check(); err != nil {
		return nil, err
	}
	options := p.options
	options.Tracks = media.TrackAudio
	options, err := options.Resolve()
	if err != nil {
		return nil, err
	}
	s := &pcmStream{source: p}
	if err := p.begin(s); err != nil {
		return nil, err
	}
	if err := s.start(ctx, env, options); err != nil {
		p.end(s)
		return nil, err
	}
	return s, nil
}

func (p *PCM) begin(s *pcmStream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != nil {
		return fmt.Errorf("%w: another call plays the source", models.ErrInvalidParams)
	}
	p.stream = s
	return nil
}

func (p *PCM) end(s *pcmStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream == s {
		p.stream = nil
	}
	p.changed.Broadcast()
}
