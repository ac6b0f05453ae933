package packets

import (
	"context"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// source is a media.Source whose streams are joined. It can be seeked if the source within
// can.
type source struct {
	inner media.Source
	ms    int
}

// rawSource is a source of one that can be published by RTMP.
type rawSource struct {
	source
	raw media.RawSource
}

// Encoding returns that of the source within.
func (s rawSource) Encoding() media.EncodeOptions { return s.raw.Encoding() }

// New returns a source that plays another one in packets of 20, 40 or 60 ms.
func New(inner media.Source, ms int) media.Source {
	s := source{inner, ms}
	if raw, ok := inner.(media.RawSource); ok {
		return rawSource{s, raw}
	}
	return s
}

// Tracks returns those of the source within.
func (s source) Tracks() media.Track { return s.inner.Tracks() }

// Open opens the source within where it begins by itself.
func (s source) Open(ctx context.Context, env media.Env) (media.Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	stream, err := s.inner.Open(ctx, env)
	if err != nil || env.Format.Raw() {
		return stream, err
	}
	joined := s.join(stream)
	joined.origin = joined.start
	return joined, nil
}

// OpenAt opens the source within at a position.
func (s source) OpenAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	seekable, ok := s.inner.(media.SeekableSource)
	if !ok {
		return nil, models.ErrSeekUnsupported
	}
	stream, err := seekable.OpenAt(ctx, env, position)
	if err != nil || env.Format.Raw() {
		return stream, err
	}
	joined := s.join(stream)
	if _, says := stream.(interface{ Origin() time.Duration }); !says {
		joined.origin = position
	}
	return joined, nil
}

func (s source) check() error {
	if s.inner == nil {
		return fmt.Errorf("%w: nil source", models.ErrInvalidParams)
	}
	_, err := media.EncodeOptions{PacketMs: s.ms}.Resolve()
	return err
}

func (s source) join(stream media.Stream) *Stream {
	joined := Join(stream, time.Duration(s.ms)*time.Millisecond)
	if inner, ok := s.inner.(interface{ Start() time.Duration }); ok {
		joined.start = inner.Start()
	}
	return joined
}
