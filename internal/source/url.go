package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// address opens URLs by one encoding.
type address struct {
	ffmpeg.Encoding
	Opener
	asked media.EncodeOptions // without defaults
}

func (o Opener) openURL(ctx context.Context, env media.Env, src media.URL, position time.Duration) (media.Stream, error) {
	u, err := ffmpeg.ParseInputURL(src.Address)
	opts, invalid := src.Options.Resolve()
	env, invalid = withSound(env, invalid)
	if err := errors.Join(err, invalid, validPosition(position)); err != nil {
		return nil, fmt.Errorf("open URL: %w", err)
	}
	var stream media.Stream
	enc, err := o.encoding(env, opts)
	if err == nil {
		stream, err = address{enc, o, src.Options}.open(ctx, env, u, position)
	}
	if err != nil {
		return nil, fmt.Errorf("open URL %s: %w", u.Public, err)
	}
	return stream, nil
}

func (s address) open(ctx context.Context, env media.Env, u ffmpeg.InputURL, position time.Duration) (media.Stream, error) {
	if u.Scheme == "http" || u.Scheme == "https" {
		return s.fetch(ctx, env, u, position)
	}
	if position > 0 {
		return nil, fmt.Errorf("%w: %s streams are live", models.ErrSeekUnsupported, u.Scheme)
	}
	return s.connect(ctx, env, u)
}
