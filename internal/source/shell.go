package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// openShell runs a command as it is.
func (o Opener) openShell(ctx context.Context, env media.Env, s media.Shell) (*ffmpeg.Encoder, error) {
	job, err := ffmpeg.ShellJob(s, env.Sound)
	return o.run(ctx, env, s, job, err)
}

// openShellAt runs a command so that it begins at a position.
func (o Opener) openShellAt(ctx context.Context, env media.Env, s media.Shell, position time.Duration) (*ffmpeg.Encoder, error) {
	if position == ffmpeg.ShellStart(s) {
		return o.openShell(ctx, env, s)
	}
	job, inputs, err := ffmpeg.ShellJobAt(s, position, env.Sound)
	if err == nil {
		err = validPosition(position)
	}
	for _, input := range inputs {
		if err == nil {
			err = seekableInput(ctx, input)
		}
	}
	return o.run(ctx, env, s, job, err)
}

// run starts a command, unless there was an error in making its job.
func (o Opener) run(ctx context.Context, env media.Env, s media.Shell, job ffmpeg.Job, err error) (*ffmpeg.Encoder, error) {
	var e *ffmpeg.Encoder
	if err == nil {
		e, err = o.starter.Open(ctx, env, job)
	}
	if err != nil {
		return nil, fmt.Errorf("open %v command: %w", s.Want, err)
	}
	return e, nil
}

// legs returns the two commands.
func legs(s media.Shells) (audio, video media.Shell) {
	return media.Shell{Command: s.Audio, Want: media.TrackAudio}, media.Shell{Command: s.Video, Want: media.TrackVideo}
}

// soundOfBoth returns an Env whose sound has a speed that both commands can have.
func soundOfBoth(env media.Env, s media.Shells) media.Env {
	audio, video := legs(s)
	if ffmpeg.ShellSound(audio, env.Sound).Speed != env.Sound.Speed || ffmpeg.ShellSound(video, env.Sound).Speed != env.Sound.Speed {
		env.Sound.Speed = 1
	}
	return env
}

// openShells runs two commands as they are.
func (o Opener) openShells(ctx context.Context, env media.Env, s media.Shells) (media.Stream, error) {
	env = soundOfBoth(env, s)
	return both(ctx, s, func(ctx context.Context, leg media.Shell) (*ffmpeg.Encoder, error) {
		return o.openShell(ctx, env, leg)
	})
}

// openShellsAt runs two commands so that they begin at a position.
func (o Opener) openShellsAt(ctx context.Context, env media.Env, s media.Shells, position time.Duration) (media.Stream, error) {
	env = soundOfBoth(env, s)
	audio, video := legs(s)
	if a, v := ffmpeg.ShellStart(audio), ffmpeg.ShellStart(video); a != v {
		return nil, fmt.Errorf("%w: the commands begin at %v and %v", models.ErrSeekUnsupported, a, v)
	}
	return both(ctx, s, func(ctx context.Context, leg media.Shell) (*ffmpeg.Encoder, error) {
		e, err := o.openShellAt(ctx, env, leg, position)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return e, err
	})
}

// both opens the two commands by a function that returns nil for a command that has
// already ended. The other then plays alone.
func both(ctx context.Context, s media.Shells, open func(context.Context, media.Shell) (*ffmpeg.Encoder, error)) (media.Stream, error) {
	audioLeg, videoLeg := legs(s)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	openLeg := func(leg media.Shell) (*ffmpeg.Encoder, error) {
		e, err := open(ctx, leg)
		if err != nil {
			cancel()
		}
		return e, err
	}

	// The goroutine ends when its command is open or ctx is, and is waited
	// for by the receive.
	type result struct {
		leg *ffmpeg.Encoder
		err error
	}
	opened := make(chan result, 1)
	go func() {
		leg, err := openLeg(videoLeg)
		opened <- result{leg, err}
	}()
	audio, err := openLeg(audioLeg)
	video := <-opened
	switch {
	case err != nil || video.err != nil:
	case audio != nil && video.leg != nil:
		return ffmpeg.NewPair(audio, video.leg), nil
	case audio != nil:
		return audio, nil
	case video.leg != nil:
		return video.leg, nil
	default:
		return nil, fmt.Errorf("%w: both commands have ended: %w", models.ErrFile, io.EOF)
	}
	for _, leg := range []*ffmpeg.Encoder{audio, video.leg} {
		if leg != nil {
			_ = leg.Close()
		}
	}
	return nil, cause(err, video.err)
}

// cause returns the error that came first of two: a cancellation is the effect of the
// other.
func cause(a, b error) error {
	if a == nil || b != nil && isCancel(a) {
		return b
	}
	return a
}

func isCancel(err error) bool { return errors.Is(err, context.Canceled) }
