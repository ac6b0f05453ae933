package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// file is a local file that is to be opened.
type file struct {
	path string
	opts media.EncodeOptions
	form outputForm
}

func openFile(ctx context.Context, env media.Env, src media.File, position time.Duration) (media.Stream, error) {
	opts, err := src.Options.Resolve()
	s := file{path: src.Path, opts: opts, form: outputForm{env.Format}}
	var stream media.Stream
	if err = errors.Join(err, validPosition(position)); err == nil {
		stream, err = s.open(ctx, env, position)
	}
	if err != nil {
		return nil, fmt.Errorf("open file %q: %w", s.path, err)
	}
	return stream, nil
}

func (s file) open(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	if s.path == "" || strings.ContainsRune(s.path, 0) {
		return nil, fmt.Errorf("%w: a file's name is not empty and has no NUL byte", models.ErrInvalidParams)
	}
	if err := playableFile(s.path, position); err != nil {
		return nil, err
	}
	stream, err := s.encode(ctx, env, position, full)
	if err != nil || !s.opts.Tracks.Has(media.TrackVideo) || !isRegular(s.path) {
		return stream, err
	}
	return newAdaptive(env, stream, position, func(ctx context.Context, position time.Duration, e effort) (media.Stream, error) {
		return s.encode(ctx, env, position, e)
	}), nil
}

// encode starts ffmpeg.
func (s file) encode(ctx context.Context, env media.Env, position time.Duration, e effort) (media.Stream, error) {
	opts, form := e.options(s.opts), e.form(s.form)
	return encoderStream(openEncoder(ctx, env, command{
		path:     ffmpegPath(env),
		args:     encodeArgs(position, fileInput(s.path, position), form.outputs(opts)),
		content:  form.content(),
		apart:    form.apart(opts),
		interval: interval(opts),
		want:     opts.Tracks,
		seek:     seekTo(position, 1),
	}))
}

// interval returns the least time between two pictures.
func interval(o media.EncodeOptions) time.Duration { return time.Second / time.Duration(o.VideoFPS) }

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
