package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/packets"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func (o Opener) openFile(ctx context.Context, env media.Env, src media.File, position time.Duration) (media.Stream, error) {
	opts, err := src.Options.Resolve()
	env, err = withSound(env, err)
	var stream media.Stream
	if err = errors.Join(err, validPosition(position)); err == nil {
		stream, err = passFile(ctx, env, src.Path, src.Options, position)
	}
	if stream != nil && src.Options.PacketMs != 0 {
		stream = packets.JoinReady(stream, time.Duration(opts.PacketMs)*time.Millisecond)
	}
	if err == nil && stream == nil {
		var enc ffmpeg.Encoding
		if enc, err = o.encoding(env, opts); err == nil {
			stream, err = o.encodeFile(ctx, env, src, enc, position)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open file %q: %w", src.Path, err)
	}
	return stream, nil
}

func (o Opener) encodeFile(ctx context.Context, env media.Env, src media.File, enc ffmpeg.Encoding, position time.Duration) (media.Stream, error) {
	path := src.Path
	if path == "" || strings.ContainsRune(path, 0) {
		return nil, fmt.Errorf("%w: a file's name is not empty and has no NUL byte", models.ErrInvalidParams)
	}
	if err := playableFile(path, position); err != nil {
		return nil, err
	}
	enc = o.measured.ofFile(ctx, env, enc, path)
	open := func(ctx context.Context, position time.Duration, e effort) (media.Stream, error) {
		return encoderStream(o.starter.Open(ctx, env, e.of(enc).File(path, position)))
	}
	encode := func(ctx context.Context, position time.Duration) (media.Stream, error) {
		stream, err := open(ctx, position, full)
		if err != nil || !enc.Options.Tracks.Has(media.TrackVideo) || !isRegular(path) {
			return stream, err
		}
		return newAdaptive(env, stream, position, open), nil
	}
	if isRegular(path) && copies(enc, src.Options.AlwaysEncode, position) {
		as := enc
		as.CopyPictures = true
		// Whatever is wrong with it, the encoder says it better.
		if e, err := o.starter.Open(ctx, env, as.File(path, 0)); err == nil {
			if c := newCopied(ctx, enc.Options, e, encode); c != nil {
				return c, nil
			}
		}
	}
	return encode(ctx, position)
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// playableFile returns the errors that need no ffmpeg to be found.
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
