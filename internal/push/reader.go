package push

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Reader is a [media.Source] of the bytes that an io.Reader gives: a file of any format
// that FromFile plays. They are read as they are played.
type Reader struct {
	reader  io.Reader
	options media.EncodeOptions

	seeker io.Seeker // the reader, if it can begin again, as a file can and a pipe cannot

	mu   sync.Mutex // guards what follows
	used bool       // the reader has been read from
	open bool       // a stream reads from it
}

// NewReader returns a source that plays what r gives.
func NewReader(r io.Reader, options media.EncodeOptions) *Reader {
	source := &Reader{reader: r, options: options}
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekCurrent); err == nil {
			source.seeker = s
		}
	}
	return source
}

// Tracks returns the tracks that are asked for.
func (r *Reader) Tracks() media.Track { return r.options.Tracks | media.TrackAudio }

// Open plays what the reader gives from now on, or from its start if it is an io.Seeker.
// One that is not can be opened once.
func (r *Reader) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	options, err := r.options.Resolve()
	if err == nil && r.reader == nil {
		err = fmt.Errorf("%w: nil reader", models.ErrInvalidParams)
	}
	if err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	s := &readerStream{source: r}
	if err := s.start(ctx, env, options); err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	return s, nil
}

// begin takes the reader for a stream.
func (r *Reader) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open {
		return fmt.Errorf("%w: another call plays the reader", models.ErrInvalidParams)
	}
	if r.used {
		if r.seeker == nil {
			return fmt.Errorf("%w: the reader has been read, and has no Seek", models.ErrFile)
		}
		if _, err := r.seeker.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("%w: %w", models.ErrFile, err)
		}
	}
	r.used, r.open = true, true
	return nil
}

// readerStream is the stream of an ffmpeg that reads a pipe.
type readerStream struct {
	*ffmpeg.Encoder
	source *Reader
	stdin  *os.File
	copied chan struct{} // closed when nothing more is read

	mu  sync.Mutex // guards err
	err error      // of the reader
}

func (s *readerStream) start(ctx context.Context, env media.Env, options media.EncodeOptions) error {
	input, stdin, err := os.Pipe()
	if err != nil {
		s.end()
		return fmt.Errorf("%w: %w", models.ErrFFmpegSpawn, err)
	}
	s.stdin, s.copied = stdin, make(chan struct{})
	go s.copy() // ends when the reader or the encoder does; Close waits unless the reader may hang
	job := ffmpeg.Encoding{Options: options, Format: env.Format}.Piped(input)
	job.InputErr = s.readErr
	s.Encoder, err = ffmpeg.Open(ctx, env, job)
	input.Close()
	if err != nil {
		s.stop()
	}
	return err
}

// copy gives the encoder what the reader gives.
func (s *readerStream) copy() {
	defer close(s.copied)
	defer s.end()
	b := make([]byte, 32<<10)
	for {
		n, err := s.source.reader.Read(b)
		if _, failed := s.stdin.Write(b[:n]); failed != nil {
			return // the encoder has ended, or has read enough
		}
		if err != nil {
			if err != io.EOF { // as io.Copy compares it
				s.fail(err)
			}
			s.stdin.Close()
			return
		}
	}
}

// end gives the reader back.
func (s *readerStream) end() {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	s.source.open = false
}

func (s *readerStream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = fmt.Errorf("%w: %w", models.ErrFile, err)
}

func (s *readerStream) readErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// stop ends the copying. A reader that may hang is closed, if it can be, and not waited
// for.
func (s *readerStream) stop() {
	s.stdin.Close()
	if s.source.seeker != nil {
		<-s.copied
		return
	}
	if closer, ok := s.source.reader.(io.Closer); ok {
		_ = closer.Close()
	}
}

// Close ends the encoder and the reading.
func (s *readerStream) Close() error {
	err := s.Encoder.Close()
	s.stop()
	return err
}
