package source

import (
	"context"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Opener opens the sources that package media describes. The zero Opener is ready.
type Opener struct{}

// Open opens a source where it begins by itself.
func (o Opener) Open(ctx context.Context, env media.Env, src media.Source) (media.Stream, error) {
	switch s := src.(type) {
	case media.Shell:
		if err := mustEncode(env); err != nil {
			return nil, err
		}
		return encoderStream(shellOf(s).open(ctx, env))
	case media.Shells:
		if err := mustEncode(env); err != nil {
			return nil, err
		}
		return shellsOf(s).open(ctx, env)
	}
	return o.OpenAt(ctx, env, src, 0)
}

// OpenAt opens a source at a position.
func (o Opener) OpenAt(ctx context.Context, env media.Env, src media.Source, position time.Duration) (media.Stream, error) {
	switch s := src.(type) {
	case media.File:
		return openFile(ctx, env, s, position)
	case media.URL:
		return openURL(ctx, env, s, position)
	case media.Shell:
		if err := mustEncode(env); err != nil {
			return nil, err
		}
		return encoderStream(shellOf(s).openAt(ctx, env, position))
	case media.Shells:
		if err := mustEncode(env); err != nil {
			return nil, err
		}
		return shellsOf(s).openAt(ctx, env, position)
	}
	return nil, fmt.Errorf("%w: a %T is no source of package media", models.ErrInvalidParams, src)
}

// mustEncode refuses raw frames, which a command does not write.
func mustEncode(env media.Env) error {
	if env.Format.Raw() {
		return fmt.Errorf("%w: a command gives Opus and VP8, not raw frames", models.ErrInvalidParams)
	}
	return nil
}
