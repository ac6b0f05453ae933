package source

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// defaultStall is the stall timeout of an Env that sets none.
const defaultStall = 30 * time.Second

// patience returns how long a lost input is requested again: less than the stall
// timeout, so that the stream ends with the reason.
func patience(env media.Env) time.Duration {
	stall := env.StallTimeout
	if stall <= 0 {
		stall = defaultStall
	}
	return stall * 4 / 5
}

func fetchConfig(env media.Env) fetch.Config {
	return fetch.Config{Policy: fetch.Policy(env.URLPolicy), Insecure: env.InsecureTLS, Patience: patience(env)}
}

// fetch opens a URL that this process fetches and serves to ffmpeg at a loopback
// address.
func (s address) fetch(ctx context.Context, env media.Env, u ffmpeg.InputURL, position time.Duration) (media.Stream, error) {
	cfg := fetchConfig(env)
	cfg.Run = new(fetch.Run)
	stream, kind, err := s.fetchOnce(ctx, env, cfg, u, position)
	if err != nil || kind != fetch.Live {
		return stream, err
	}
	return newReopening(env, stream, func(ctx context.Context, played time.Duration) (media.Stream, error) {
		again := fetchConfig(env)
		again.Run = new(fetch.Run)
		if cfg.Run.Waited() < played/10 {
			again.Before = cfg.Run // it came too fast for a radio
		}
		stream, _, err := s.fetchOnce(ctx, env, again, u, 0)
		if err == nil {
			cfg = again
		}
		return stream, err
	}), nil
}

// fetchOnce opens the URL without reopening it later.
func (s address) fetchOnce(ctx context.Context, env media.Env, cfg fetch.Config, u ffmpeg.InputURL, position time.Duration) (media.Stream, fetch.Kind, error) {
	client := fetch.New(cfg)
	release := func() { _ = client.Close() }
	resource, programme, err := s.find(ctx, client, u, position)
	if err == nil && programme != nil {
		stream, err := s.programme(ctx, env, u, programme, position, release)
		return stream, fetch.Playlist, err
	}
	var address string
	if err == nil {
		err = reachable(resource, position)
	}
	if err == nil {
		if address, err = client.Serve(resource); err != nil {
			err = fmt.Errorf("%w: %w", models.ErrFile, err)
		}
	}
	if err != nil {
		release()
		return nil, 0, err
	}
	job := s.Fetched(address, position)
	job.InputErr, job.Resumed = resource.Err, resource.Resumed
	job.Redact, job.Release = unserve(u), release
	stream, err := encoderStream(ffmpeg.Open(ctx, env, job))
	return stream, resource.Kind, err
}

// find finds what there is at a URL, or where a playlist there leads.
func (s address) find(
	ctx context.Context, client *fetch.Client, u ffmpeg.InputURL, position time.Duration,
) (*fetch.Resource, *fetch.Programme, error) {
	resource, err := client.Open(ctx, u.URL)
	var programme *fetch.Programme
	if err == nil && resource.Kind == fetch.Playlist {
		resource, programme, err = client.OpenList(ctx, resource, s.bounds(), position)
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", models.ErrFile, err)
	}
	return resource, programme, nil
}

// served matches the addresses at which ffmpeg is served.
var served = regexp.MustCompile(`http://127\.0\.0\.1:\d+/[0-9a-f]{32}(/[^\s'":]*)?`)

// unserve returns a function that replaces the addresses at which ffmpeg is served by
// the URL.
func unserve(u ffmpeg.InputURL) func(line string) string {
	return func(line string) string { return served.ReplaceAllLiteralString(line, u.Public) }
}

// reachable returns models.ErrSeekUnsupported if a position cannot be reached: ffmpeg
// would read a live stream forward to it, in real time.
func reachable(r *fetch.Resource, position time.Duration) error {
	switch {
	case position == 0 || r.Ranges:
		return nil
	case r.Kind == fetch.Live:
		return fmt.Errorf("%w: the stream is live", models.ErrSeekUnsupported)
	}
	return fmt.Errorf("%w: the server gives out no ranges of it", models.ErrSeekUnsupported)
}
