package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/programme"
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
	stream, resource, err := s.fetchOnce(ctx, env, cfg, u, position)
	switch {
	case err != nil:
		return nil, err
	case resource == nil && !infoOf(stream).Live, resource != nil && resource.Ranges:
		return s.adapt(env, u, stream, position, cfg.Run), nil
	case resource == nil || resource.Size >= 0:
		return stream, nil
	}
	live := resource.Kind == fetch.Live
	r := newReopening(env, stream, func(ctx context.Context, played time.Duration) (media.Stream, error) {
		again := fetchConfig(env)
		again.Run = new(fetch.Run)
		if !live || cfg.Run.Waited() < played/10 {
			again.Before = cfg.Run // it came too fast for a radio, or nobody says that it is one
		}
		stream, _, err := s.fetchOnce(ctx, env, again, u, 0)
		if err == nil {
			cfg = again
		}
		return stream, err
	})
	if !live {
		r.silence = r.patience // as the reader has it
		r.finite = func(end error, played time.Duration) bool {
			return errors.Is(end, io.EOF) || played < paced || cfg.Run.Waited() < played/2
		}
	}
	return r, nil
}

// adapt returns the stream of what can be reopened at any position, with fewer pictures on
// a machine that is too slow for them. run is the record of its connection.
func (s address) adapt(env media.Env, u ffmpeg.InputURL, stream media.Stream, position time.Duration, run *fetch.Run) media.Stream {
	// The parts of a series are opened while it is read, which takes time as well.
	if _, parts := stream.(*series); parts || !s.Options.Tracks.Has(media.TrackVideo) {
		return stream
	}
	var before time.Duration // for connections before this one
	a := newAdaptive(env, stream, position, func(ctx context.Context, position time.Duration, e effort) (media.Stream, error) {
		before += run.Waited()
		cfg := fetchConfig(env)
		cfg.Run = new(fetch.Run)
		run = cfg.Run
		with := s
		with.Encoding = e.of(s.Encoding)
		stream, _, err := with.fetchOnce(ctx, env, cfg, u, position)
		return stream, err
	})
	a.server = func() time.Duration { return before + run.Waited() } // on the reader's goroutine, as open is
	return a
}

// paced is how long something without a length has to have come as slowly as it plays
// for a radio. A file comes as fast as it is read.
const paced = 10 * time.Second

// fetchOnce opens the URL without reopening it later. The resource is nil for what a
// playlist names.
func (s address) fetchOnce(ctx context.Context, env media.Env, cfg fetch.Config, u ffmpeg.InputURL, position time.Duration) (media.Stream, *fetch.Resource, error) {
	client := fetch.New(cfg)
	release := func() { _ = client.Close() }
	resource, p, err := s.find(ctx, client, u, position)
	if err == nil && p != nil {
		stream, err := s.programme(ctx, env, u, p, position, release)
		return stream, nil, err
	}
	var address string
	if err == nil {
		err = reachable(resource, position)
	}
	if err == nil {
		var passed media.Stream
		if passed, err = s.passResource(ctx, env, client, resource, position); passed != nil {
			return passed, resource, nil
		}
	}
	if err == nil {
		if address, err = client.Serve(resource); err != nil {
			err = fmt.Errorf("%w: %w", models.ErrFile, err)
		}
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	if resource.Size < 0 {
		s.Sound = s.Sound.Live() // what has no length comes as fast as it likes
	}
	s.Encoding = s.measured.ofURL(ctx, env, s.Encoding, u, resource)
	job := s.Fetched(address, position)
	job.InputErr, job.Resumed = resource.Err, resource.Resumed
	job.Live, job.Name = resource.Kind == fetch.Live, resource.Name
	job.Redact, job.Release = unserve(u), release
	stream, err := encoderStream(s.starter.Open(ctx, env, job))
	return stream, resource, err
}

// find finds what there is at a URL, or where a playlist there leads.
func (s address) find(
	ctx context.Context, client *fetch.Client, u ffmpeg.InputURL, position time.Duration,
) (*fetch.Resource, *programme.Programme, error) {
	resource, err := client.Open(ctx, u.URL)
	var p *programme.Programme
	if err == nil && resource.Kind == fetch.Playlist {
		resource, p, err = programme.Open(ctx, client, resource, s.bounds(), position)
	}
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", models.ErrFile, err)
	}
	return resource, p, nil
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
