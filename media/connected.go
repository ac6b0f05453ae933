package media

import (
	"context"
	"slices"
)

// connect opens what ffmpeg connects to itself: rtmp, rtsp and srt. It is live,
// unless ffmpeg is told how long it lasts: then its end is its end.
func (s *urlSource) connect(ctx context.Context, env Env, u target) (Stream, error) {
	stream, finite, err := s.connectOnce(ctx, env, u)
	if err != nil || finite {
		return stream, err
	}
	return newReopening(env, stream, func(ctx context.Context) (Stream, error) {
		stream, _, err := s.connectOnce(ctx, env, u)
		return stream, err
	}), nil
}

func (s *urlSource) connectOnce(ctx context.Context, env Env, u target) (stream Stream, finite bool, err error) {
	cmd := s.command(env, slices.Concat(watchedArgs(), urlInput(u, 0), s.as.output(s.opts)), 0)
	cmd.seek = seeking{inputs: 1} // how long it lasts
	cmd.redact, cmd.lost = u.redact, u.lost
	e, err := openEncoder(ctx, env, cmd)
	if err != nil {
		return nil, false, err
	}
	return e, e.watch.finite(), nil
}
