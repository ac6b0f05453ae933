package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
// A command of one input that says nothing of its output as a whole (-f, -map, a
// name, -shortest, …) writes each track of TrackAudio|TrackVideo to an output of
// its own, where its options are repeated. In one container ffmpeg holds sound back
// until there is a picture.
//
// FromShell cannot fail; Open reports a malformed command, an output that goes
// elsewhere, and one that is not Opus or VP8, as models.ErrInvalidParams.
//
// The result is a SeekableSource. OpenAt sets the -ss of an ffmpeg command's
// inputs, and -t and -to so that the excerpt ends where the command ends it. It
// is models.ErrSeekUnsupported for any other program, and for a command whose
// position in the media cannot be told or set: a device, a pipe or a live input,
// inputs that begin at different times, an end counted in frames, and options or
// filters that move or change time or show it (-stream_loop, -itsoffset, trim, atempo,
// subtitles, …). Another filter that counts time, such as afade, counts from the new
// position. While it looks at what becomes of a seek, ffmpeg's log level is not the command's.
func FromShell(cmd string, tracks Track) Source {
	return &shellSource{line: cmd, want: tracks}
}

// FromShells plays the audio of one command and the video of another, each as
// with FromShell. An empty command skips its track. When one ends the other plays
// on; when one crashes the stream ends with its error. The result is a
// SeekableSource, if both commands can be seeked and begin at the same position.
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

// Start is where in its input the command begins, if that can be told.
func (s *shellSource) Start() time.Duration {
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

func (s *shellSource) Open(ctx context.Context, env Env) (Stream, error) {
	return asStream(s.open(ctx, env))
}

func (s *shellSource) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	return asStream(s.openAt(ctx, env, position))
}

// asStream keeps a nil encoder from becoming a Stream.
func asStream(e *encoder, err error) (Stream, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (s *shellSource) open(ctx context.Context, env Env) (*encoder, error) {
	cmd, err := s.command(env.ffmpegPath())
	return s.run(ctx, env, cmd, err)
}

func (s *shellSource) openAt(ctx context.Context, env Env, position time.Duration) (*encoder, error) {
	if position == s.Start() {
		return s.open(ctx, env)
	}
	cmd, urls, err := s.commandAt(env.ffmpegPath(), position)
	for _, url := range urls {
		err = cmp.Or(err, seekableInput(ctx, url))
	}
	return s.run(ctx, env, cmd, err)
}

// run starts a command, unless there was an error in making it.
func (s *shellSource) run(ctx context.Context, env Env, cmd command, err error) (*encoder, error) {
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
func (s *shellSource) words() (path string, args []string, ffmpeg bool, err error) {
	if err := validTracks(s.want); err != nil {
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
func (s *shellSource) command(ffmpegPath string) (command, error) {
	path, args, ffmpeg, err := s.words()
	if err != nil {
		return command{}, err
	}
	cmd := command{path: path, args: args, want: s.want}
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
	if apart, ok := completeApart(global, args); ok && err == nil && c.want == TrackAudio|TrackVideo {
		c.args, c.apart = apart, true
	}
	return c, err
}

// commandAt is what will be run to begin at a position, and the inputs it reads.
func (s *shellSource) commandAt(ffmpegPath string, position time.Duration) (cmd command, urls []string, err error) {
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

type shellsSource struct{ audio, video *shellSource }

func (s *shellsSource) Tracks() Track { return TrackAudio | TrackVideo }

func (s *shellsSource) Start() time.Duration { return s.audio.Start() }

func (s *shellsSource) Open(ctx context.Context, env Env) (Stream, error) {
	return s.both(ctx, func(ctx context.Context, leg *shellSource) (*encoder, error) {
		return leg.open(ctx, env)
	})
}

func (s *shellsSource) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	if a, v := s.audio.Start(), s.video.Start(); a != v {
		return nil, fmt.Errorf("%w: the commands begin at %v and %v", models.ErrSeekUnsupported, a, v)
	}
	return s.both(ctx, func(ctx context.Context, leg *shellSource) (*encoder, error) {
		e, err := leg.openAt(ctx, env, position)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return e, err
	})
}

// both opens the two commands with a function that returns nil for one that has
// ended already. The other then plays alone.
func (s *shellsSource) both(ctx context.Context, open func(context.Context, *shellSource) (*encoder, error)) (Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	openLeg := func(leg *shellSource) (*encoder, error) {
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
