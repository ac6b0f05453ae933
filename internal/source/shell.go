package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// shell is a command that is to be run.
type shell struct {
	line string
	want media.Track
}

// start returns where in its input the command begins, or 0 if that is not known.
func (s shell) start() time.Duration {
	_, args, _, err := s.words()
	if err != nil {
		return 0
	}
	start, err := commandStart(args)
	if err != nil {
		return 0
	}
	return start
}

func (s shell) open(ctx context.Context, env media.Env) (*encoder, error) {
	cmd, err := s.command(ffmpegPath(env))
	return s.run(ctx, env, cmd, err)
}

func (s shell) openAt(ctx context.Context, env media.Env, position time.Duration) (*encoder, error) {
	if position == s.start() {
		return s.open(ctx, env)
	}
	cmd, urls, err := s.commandAt(ffmpegPath(env), position)
	for _, url := range urls {
		err = cmp.Or(err, seekableInput(ctx, url))
	}
	return s.run(ctx, env, cmd, err)
}

// run starts a command, unless there was an error in making it.
func (s shell) run(ctx context.Context, env media.Env, cmd command, err error) (*encoder, error) {
	if err != nil {
		return nil, fmt.Errorf("open %v command: %w", s.want, err)
	}
	e, err := openEncoder(ctx, env, cmd)
	if err != nil {
		return nil, fmt.Errorf("open %v command: %w", s.want, err)
	}
	return e, nil
}

// words takes the line apart.
func (s shell) words() (path string, args []string, ffmpeg bool, err error) {
	if err := s.want.Check(); err != nil {
		return "", nil, false, err
	}
	words, err := splitWords(s.line)
	if err != nil {
		return "", nil, false, err
	}
	if len(words) == 0 || words[0] == "" {
		return "", nil, false, fmt.Errorf("%w: the command is empty", models.ErrInvalidParams)
	}
	path, args = words[0], words[1:]
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if ffmpeg = name == "ffmpeg" || strings.EqualFold(name, "ffmpeg.exe"); ffmpeg {
		args = settle(args)
	}
	return path, args, ffmpeg, nil
}

// command is what will be run.
func (s shell) command(ffmpegPath string) (command, error) {
	path, args, ffmpeg, err := s.words()
	if err != nil {
		return command{}, err
	}
	cmd := command{path: path, args: args, want: s.want, start: s.start()}
	if !ffmpeg {
		return cmd, nil
	}
	if cmd.path == "ffmpeg" {
		cmd.path = ffmpegPath
	}
	return cmd.complete(quietArgs(), cmd.args)
}

// complete sets the arguments, with what a command of ffmpeg's lacks.
func (c command) complete(global, args []string) (command, error) {
	var err error
	c.args, err = completeArgs(global, args, c.want)
	if apart, ok := completeApart(global, args); ok && err == nil && c.want == media.TrackAudio|media.TrackVideo {
		c.args, c.apart = apart, true
	}
	return c, err
}

// commandAt is what will be run to begin at a position, and the inputs it reads.
func (s shell) commandAt(ffmpegPath string, position time.Duration) (cmd command, urls []string, err error) {
	cmd, err = s.command(ffmpegPath) // it finds what is wrong with the command as such
	if err := cmp.Or(err, validPosition(position)); err != nil {
		return command{}, nil, err
	}
	_, args, ffmpeg, err := s.words()
	if err != nil {
		return command{}, nil, err
	}
	if !ffmpeg {
		return command{}, nil, fmt.Errorf("%w: the command is not ffmpeg's", models.ErrSeekUnsupported)
	}
	args, urls, err = seekArgs(args, position)
	if err != nil {
		return command{}, nil, err
	}
	cmd.seek = seekTo(position, len(urls))
	cmd, err = cmd.complete(globalArgs(position), args)
	return cmd, urls, err
}

func shellOf(s media.Shell) shell { return shell{line: s.Command, want: s.Want} }

func shellsOf(s media.Shells) shells {
	return shells{
		audio: shell{line: s.Audio, want: media.TrackAudio},
		video: shell{line: s.Video, want: media.TrackVideo},
	}
}

// shells are two commands, one for each track.
type shells struct{ audio, video shell }

func (s shells) open(ctx context.Context, env media.Env) (media.Stream, error) {
	return s.both(ctx, func(ctx context.Context, leg shell) (*encoder, error) {
		return leg.open(ctx, env)
	})
}

func (s shells) openAt(ctx context.Context, env media.Env, position time.Duration) (media.Stream, error) {
	if a, v := s.audio.start(), s.video.start(); a != v {
		return nil, fmt.Errorf("%w: the commands begin at %v and %v", models.ErrSeekUnsupported, a, v)
	}
	return s.both(ctx, func(ctx context.Context, leg shell) (*encoder, error) {
		e, err := leg.openAt(ctx, env, position)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return e, err
	})
}

// both opens the two commands with a function that returns nil for one that has
// ended already. The other then plays alone.
func (s shells) both(ctx context.Context, open func(context.Context, shell) (*encoder, error)) (media.Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	openLeg := func(leg shell) (*encoder, error) {
		e, err := open(ctx, leg)
		if err != nil {
			cancel()
		}
		return e, err
	}

	// The goroutine ends when its command is open or ctx is, and is waited
	// for by the receive.
	type result struct {
		leg *encoder
		err error
	}
	opened := make(chan result, 1)
	go func() {
		leg, err := openLeg(s.video)
		opened <- result{leg, err}
	}()
	audio, err := openLeg(s.audio)
	video := <-opened
	switch {
	case err != nil || video.err != nil:
	case audio != nil && video.leg != nil:
		return newPair(audio, video.leg), nil
	case audio != nil:
		return audio, nil
	case video.leg != nil:
		return video.leg, nil
	default:
		return nil, fmt.Errorf("%w: both commands have ended: %w", models.ErrFile, io.EOF)
	}
	for _, leg := range []*encoder{audio, video.leg} {
		if leg != nil {
			_ = leg.Close()
		}
	}
	return nil, cause(err, video.err)
}

// cause picks, of two errors of which one made the other, the one that came
// first: a cancellation is an effect.
func cause(a, b error) error {
	if a == nil || b != nil && isCancel(a) {
		return b
	}
	return a
}

func isCancel(err error) bool { return errors.Is(err, context.Canceled) }
