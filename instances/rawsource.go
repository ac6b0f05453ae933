package instances

import (
	"context"
	"time"

	"github.com/gotgcall/gotgcall/media"
)

// rawSource is a source that is opened for raw frames of a format.
type rawSource struct {
	media.Source
	format media.Format
}

// seekableRawSource is a rawSource that can start in the middle.
type seekableRawSource struct{ *rawSource }

// inFormat returns a source of frames in a format, which can seek if src can.
func inFormat(src media.RawSource, format media.Format) media.Source {
	raw := &rawSource{Source: src, format: format}
	if _, ok := src.(media.SeekableSource); ok {
		return seekableRawSource{raw}
	}
	return raw
}

func (s *rawSource) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	env.Format = s.format
	return s.Source.Open(ctx, env)
}

func (s seekableRawSource) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	env.Format = s.format
	return s.Source.(media.SeekableSource).OpenAt(ctx, env, position)
}
