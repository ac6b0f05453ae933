package media

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gotgcall/gotgcall/models"
)

// FromShell plays what a command writes to its standard output. The command is
// the program's own, not a stranger's: it runs as it is.
//
// The line is split on blanks outside double quotes, with \" and \\ the only
// escapes; no shell sees it. The bare word ffmpeg means Env.FFmpegPath. An ffmpeg
// command that lacks output options gets them: Ogg/Opus for TrackAudio, IVF/VP8
// for TrackVideo, both in Matroska for TrackAudio|TrackVideo, on standard output.
// Any other program must write one of these by itself. Its output is read no
// faster than it is played, so -re is needless.
//
// FromShell cannot fail; Open reports a malformed command, an output that goes
// elsewhere, and one that is not Opus or VP8, as models.ErrInvalidParams.
func FromShell(cmd string, tracks Track) Source {
	return &shellSource{line: cmd, want: tracks}
}

// FromShells plays the audio of one command and the video of another, each as
// with FromShell. An empty command skips its track. When one ends the other plays
// on; when one crashes the stream ends with its error.
func FromShells(audioCmd, videoCmd string) Source {
	audio := &shellSource{line: audioCmd, want: TrackAudio}
	video := &shellSource{line: videoCmd, want: TrackVideo}
	switch {
	case strings.TrimSpace(videoCmd) == "":
		return audio
	case strings.TrimSpace(audioCmd) == "":
		return video
	}
	return &shellsSource{audio: audio, video: video}
}

type shellSource struct {
	line string
	want Track
}

func (s *shellSource) Tracks() Track { return s.want }

func (s *shellSource) Open(ctx context.Context, env Env) (Stream, error) {
	e, err := s.open(ctx, env)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (s *shellSource) open(ctx context.Context, env Env) (*encoder, error) {
	cmd, err := s.command(env.ffmpegPath())
	if err != nil {
		return nil, fmt.Errorf("open %v command: %w", s.want, err)
	}
	e, err := openEncoder(ctx, env, cmd)
	if err != nil {
		return nil, fmt.Errorf("open %v command: %w", s.want, err)
	}
	return e, nil
}

// command is what will be run.
func (s *shellSource) command(ffmpegPath string) (command, error) {
	if err := validTracks(s.want); err != nil {
		return command{}, err
	}
	words, err := splitWords(s.line)
	if err != nil {
		return command{}, err
	}
	if len(words) == 0 || words[0] == "" {
		return command{}, fmt.Errorf("%w: the command is empty", models.ErrInvalidParams)
	}
	cmd := command{path: words[0], args: words[1:], want: s.want}
	name := cmd.path[strings.LastIndexAny(cmd.path, `/\`)+1:]
	if name != "ffmpeg" && !strings.EqualFold(name, "ffmpeg.exe") {
		return cmd, nil
	}
	if cmd.path == "ffmpeg" {
		cmd.path = ffmpegPath
	}
	cmd.args, err = completeArgs(cmd.args, s.want)
	return cmd, err
}

type shellsSource struct{ audio, video *shellSource }

func (s *shellsSource) Tracks() Track { return TrackAudio | TrackVideo }

func (s *shellsSource) Open(ctx context.Context, env Env) (Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// The goroutine ends when its command is open or ctx is, and is waited
	// for by the receive.
	type result struct {
		leg *encoder
		err error
	}
	opened := make(chan result, 1)
	go func() {
		leg, err := s.video.open(ctx, env)
		if err != nil {
			cancel()
		}
		opened <- result{leg, err}
	}()
	audio, err := s.audio.open(ctx, env)
	if err != nil {
		cancel()
	}
	video := <-opened
	if err == nil && video.err == nil {
		return newMerge(audio, video.leg), nil
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
