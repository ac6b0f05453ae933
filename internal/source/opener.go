package source

import (
	"context"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Opener opens the sources that package media describes. The zero Opener is ready; one of
// [New] remembers the loudness that it measured, and lets encoders start in turn.
type Opener struct {
	measured *loudnesses
	starter  *ffmpeg.Starter
	build    ffmpeg.Build // the zero Build is taken to have every encoder
}

// New returns an Opener for any number of sources, with a build of ffmpeg.
func New(build ffmpeg.Build) Opener {
	return Opener{measured: new(loudnesses), starter: ffmpeg.NewStarter(), build: build}
}

// encoding returns how a source is encoded, if the build can.
func (o Opener) encoding(env media.Env, opts media.EncodeOptions) (ffmpeg.Encoding, error) {
	if env.VP8Only {
		opts.VideoEncoder = media.VP8
	}
	enc := ffmpeg.Encoding{Options: opts, Format: env.Format, Sound: env.Sound}
	if !opts.Tracks.Has(media.TrackVideo) || env.Format.Raw() {
		return enc, nil
	}
	return enc, o.build.RequireVideo(opts.VideoEncoder)
}

// Open opens a source where it begins by itself.
func (o Opener) Open(ctx context.Context, env media.Env, src media.Source) (media.Stream, error) {
	switch s := src.(type) {
	case media.Shell:
		env, err := mustEncode(env)
		if err != nil {
			return nil, err
		}
		return encoderStream(o.openShell(ctx, env, s))
	case media.Shells:
		env, err := mustEncode(env)
		if err != nil {
			return nil, err
		}
		return o.openShells(ctx, env, s)
	}
	return o.OpenAt(ctx, env, src, 0)
}

// OpenAt opens a source at a position.
func (o Opener) OpenAt(ctx context.Context, env media.Env, src media.Source, position time.Duration) (media.Stream, error) {
	switch s := src.(type) {
	case media.File:
		return o.openFile(ctx, env, s, position)
	case media.URL:
		return o.openURL(ctx, env, s, position)
	case media.Shell:
		env, err := mustEncode(env)
		if err != nil {
			return nil, err
		}
		return encoderStream(o.openShellAt(ctx, env, s, position))
	case media.Shells:
		env, err := mustEncode(env)
		if err != nil {
			return nil, err
		}
		return o.openShellsAt(ctx, env, s, position)
	}
	return nil, fmt.Errorf("%w: a %T is no source of package media", models.ErrInvalidParams, src)
}

// mustEncode returns the Env of a command, or an error if raw frames are asked for, which
// no command writes.
func mustEncode(env media.Env) (media.Env, error) {
	if env.Format.Raw() {
		return env, fmt.Errorf("%w: a command gives encoded frames, not raw ones", models.ErrInvalidParams)
	}
	return withSound(env, nil)
}

// encoderStream keeps a nil encoder from becoming a Stream that is not nil.
func encoderStream(e *ffmpeg.Encoder, err error) (media.Stream, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

// infoOf returns what a stream of this package says of its input.
func infoOf(stream media.Stream) media.SourceInfo {
	if s, ok := stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		return s.SourceInfo()
	}
	return media.SourceInfo{}
}

func errStreamClosed() error { return fmt.Errorf("read frame: stream: %w", models.ErrClosed) }
