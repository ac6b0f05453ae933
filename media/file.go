package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// FromFile plays a local media file. The path is only ever a file's name: no
// protocol, option or pattern in it means anything. The file is untrusted: a
// playlist or script that names other files is refused. FromFile itself cannot
// fail; Open reports what is wrong with the path or the options. The result is a
// SeekableSource.
func FromFile(path string, opts EncodeOptions) Source {
	return &fileSource{path: path, opts: opts.withDefaults()}
}

type fileSource struct {
	path string
	opts EncodeOptions
	as   form
}

func (s *fileSource) Tracks() Track { return s.opts.Tracks }

func (s *fileSource) Start() time.Duration { return 0 }

func (s *fileSource) Open(ctx context.Context, env Env) (Stream, error) {
	return s.OpenAt(ctx, env, 0)
}

// OpenAt is Open from a position.
func (s *fileSource) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	stream, err := s.openAt(ctx, env, position)
	if err != nil {
		return nil, fmt.Errorf("open file %q: %w", s.path, err)
	}
	return stream, nil
}

func (s *fileSource) openAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	if err := errors.Join(s.opts.validate(), validPosition(position)); err != nil {
		return nil, err
	}
	if s.path == "" || strings.ContainsRune(s.path, 0) {
		return nil, fmt.Errorf("%w: a file's name is not empty and has no NUL byte", models.ErrInvalidParams)
	}
	if err := playableFile(s.path, position); err != nil {
		return nil, err
	}
	stream, err := s.encode(ctx, env, position, full)
	if err != nil || !s.opts.Tracks.Has(TrackVideo) || !isRegular(s.path) {
		return stream, err
	}
	return newAdaptive(env, stream, position, func(ctx context.Context, position time.Duration, e effort) (Stream, error) {
		return s.encode(ctx, env, position, e)
	}), nil
}

// encode starts ffmpeg.
func (s *fileSource) encode(ctx context.Context, env Env, position time.Duration, e effort) (Stream, error) {
	opts, as := s.opts.with(e), s.as.with(e)
	return encoderStream(openEncoder(ctx, env, command{
		path:     env.ffmpegPath(),
		args:     encodeArgs(position, fileInput(s.path, position), as.outputs(opts)),
		holds:    as.payload(),
		apart:    as.apart(opts),
		interval: opts.interval(),
		want:     opts.Tracks,
		seek:     seekTo(position, 1),
	}))
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// playableFile finds what needs no ffmpeg to be found.
func playableFile(path string, position time.Duration) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", models.ErrFile, err)
	case info.IsDir():
		return fmt.Errorf("%w: it is a directory", models.ErrFile)
	case info.Mode().IsRegular() && info.Size() == 0:
		return fmt.Errorf("%w: it is empty", models.ErrFile)
	case !info.Mode().IsRegular() && position > 0:
		// ffmpeg would read a pipe up to the position.
		return fmt.Errorf("%w: it is no regular file", models.ErrSeekUnsupported)
	}
	return nil
}

func validPosition(position time.Duration) error {
	if position < 0 {
		return fmt.Errorf("%w: position %v is negative", models.ErrInvalidParams, position)
	}
	return nil
}
