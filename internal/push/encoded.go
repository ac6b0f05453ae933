package push

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// ahead is how much the encoder is given before it is played. It holds back up to
	// two packets: a part of one, and one in its muxer.
	ahead = 80 * time.Millisecond
	// warm is the silence with which the encoder is started.
	warm = 6 * chunk
	// lead is silence that is never played, a bit more than a resampler holds back: what
	// fills a packet is encoded at once, rather than with the samples after it.
	lead = 2 * time.Millisecond
	// chunk is how much it is given at a time: a packet.
	chunk = 20 * time.Millisecond
	// block is how much it is given in one piece.
	block = 5 * time.Millisecond
	// hang is after how long without a Write the rest of a packet is filled with
	// silence. A program that writes 20 ms at a time is late by less.
	hang = 40 * time.Millisecond
)

// pcmStream is one run of the source: an encoder that is fed as its output is played. It
// reads from memory alone, so it never blocks.
type pcmStream struct {
	source  *PCM
	encoder *ffmpeg.Encoder
	stdin   *os.File
	input   []byte         // on its way to stdin
	work    sync.WaitGroup // the goroutines that feed and read the encoder

	current []byte // that ReadFrame returned last
	silence

	// guarded by the source's mu
	fed    time.Duration // given to the encoder
	read   time.Duration // come back from it
	given  time.Duration // of that, played or dropped
	drop   time.Duration // up to where what comes back is dropped
	tail   bool          // what was fed last is sound: the encoder may hold a part of it
	ready  fifo[packet]
	free   [][]byte
	err    error // how the encoder ended
	closed bool
}

// start starts the encoder with a bit of silence, which makes it write its header.
func (s *pcmStream) start(ctx context.Context, env media.Env, options media.EncodeOptions) error {
	input, stdin, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	defer input.Close()
	s.stdin = stdin
	f := s.source.format
	head := container.AppendPCMHeader(nil, f.Rate, f.Channels)
	head = container.AppendRawBlock(head, media.TrackAudio, 0, s.bytes(lead))
	if _, err = stdin.Write(append(head, make([]byte, s.bytes(lead))...)); err == nil {
		err = s.feed(make([]byte, s.bytes(warm)))
	}
	if err == nil {
		s.encoder, err = ffmpeg.Open(ctx, env, ffmpeg.Encoding{Options: options}.Samples(input))
	}
	if err != nil {
		stdin.Close()
		return err
	}
	s.drop = s.fed
	s.work.Go(s.feedAll) // both end with Close, which waits for them
	s.work.Go(s.readAll)
	return nil
}

// bytes returns how many bytes of whole samples a time has.
func (s *pcmStream) bytes(d time.Duration) int {
	f := s.source.format
	return int(d*time.Duration(f.Rate)/time.Second) * f.Channels * 2
}

// feed gives samples to the encoder, in small blocks, as ffmpeg takes one when the next has
// come. It is called by one goroutine.
func (s *pcmStream) feed(samples []byte) error {
	p := s.source
	at, size := s.fed, s.bytes(block)
	s.input = s.input[:0]
	for part := range slices.Chunk(samples, size) {
		s.input = container.AppendRawBlock(s.input, media.TrackAudio, lead+at, len(part))
		s.input = append(s.input, part...)
		at += time.Duration(len(part)) * time.Second / time.Duration(p.second)
	}
	_, err := s.stdin.Write(s.input)
	p.mu.Lock()
	defer p.mu.Unlock()
	s.fed = at
	return err
}

// feedAll gives the encoder what is written, a bit ahead of what is played.
func (s *pcmStream) feedAll() {
	defer s.stdin.Close() // which ends the encoder
	var samples []byte
	for {
		var more bool
		if samples, more = s.next(samples[:0]); !more {
			return
		}
		if s.feed(samples) != nil {
			return // the encoder has ended, which readAll sees
		}
	}
}

// next waits for what is to be fed next: samples, or silence that fills up a packet when
// none come. It reports false at the end.
func (s *pcmStream) next(buf []byte) (samples []byte, more bool) {
	p := s.source
	p.mu.Lock()
	defer p.mu.Unlock()
	wake := time.AfterFunc(time.Hour, p.changed.Broadcast)
	defer wake.Stop()
	for {
		waiting := p.queue.waiting()
		whole := len(waiting) / (2 * p.format.Channels) * (2 * p.format.Channels)
		part := (chunk - s.fed%chunk) % chunk
		switch {
		case s.closed:
			return nil, false
		case s.fed < s.drop: // to the end of the packet that is dropped
			return append(buf, make([]byte, s.bytes(s.drop-s.fed))...), true
		case whole > 0 && s.fed-s.given < ahead:
			n := min(whole, s.bytes(chunk))
			buf = append(buf, waiting[:n]...)
			p.queue.drop(n)
			s.tail = true
			p.changed.Broadcast()
			return buf, true
		case whole == 0 && p.closed:
			return nil, false
		case whole == 0 && s.tail:
			left := hang - time.Since(p.written)
			if left <= 0 {
				// Two packets more, as the encoder holds some back.
				s.tail = false
				return append(buf, make([]byte, s.bytes(part+2*chunk))...), true
			}
			wake.Reset(left)
		}
		p.changed.Wait()
	}
}

// readAll reads the encoder to its end.
func (s *pcmStream) readAll() {
	for {
		f, err := s.encoder.ReadFrame()
		if !s.take(f, err) {
			return
		}
	}
}

func (s *pcmStream) take(f media.Frame, err error) bool {
	p := s.source
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.err = err; err != nil {
		return false
	}
	begins := s.read
	s.read += f.Duration
	if begins < s.drop {
		s.given += f.Duration
		p.changed.Broadcast()
		return true
	}
	var data []byte
	if n := len(s.free); n > 0 {
		data, s.free = s.free[n-1][:0], s.free[:n-1]
	}
	s.ready.push(packet{append(data, f.Data...), f.Duration})
	return true
}

// flush drops what is encoded, and what the encoder still has. The source's mu must be
// held.
func (s *pcmStream) flush() {
	for _, p := range s.ready.waiting() {
		s.free = append(s.free, p.data)
		s.given += p.length
	}
	s.ready.clear()
	s.drop, s.tail = (s.fed+chunk-1)/chunk*chunk, false
}

// ReadFrame returns the next packet, or 10 ms of silence when none is ready.
func (s *pcmStream) ReadFrame() (media.Frame, error) {
	p := s.source
	p.mu.Lock()
	defer p.mu.Unlock()
	ready := s.ready.waiting()
	switch {
	case s.closed:
		return media.Frame{}, fmt.Errorf("read frame: %w", models.ErrClosed)
	case len(ready) > 0:
		next := ready[0]
		s.ready.drop(1)
		if s.current != nil {
			s.free = append(s.free, s.current)
		}
		s.current = next.data
		s.given += next.length
		p.changed.Broadcast()
		return s.sound(next), nil
	case s.err != nil:
		return media.Frame{}, s.err
	}
	return s.quiet(), nil
}

// Close ends the run and the encoder. What waits is played by the next.
func (s *pcmStream) Close() error {
	p := s.source
	p.mu.Lock()
	s.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	err := s.encoder.Close()
	s.work.Wait()
	p.end(s)
	return err
}
