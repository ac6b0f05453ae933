package ffmpeg

import (
	"fmt"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// ShellJob returns the job that runs a command as it is, but for a sound that it can have.
func ShellJob(s media.Shell, sound media.Sound) (Job, error) {
	return shell{line: s.Command, want: s.Want, sound: sound}.job()
}

// ShellJobAt returns the job that runs a command so that it begins at a position, and
// the inputs it reads. The position must not be negative.
func ShellJobAt(s media.Shell, position time.Duration, sound media.Sound) (j Job, inputs []string, err error) {
	return shell{line: s.Command, want: s.Want, sound: sound}.jobAt(position)
}

// ShellSound returns the part of a sound that a command can have.
func ShellSound(s media.Shell, sound media.Sound) media.Sound {
	_, args, ffmpeg, err := shell{line: s.Command, want: s.Want}.words()
	if err != nil || !ffmpeg {
		return media.Sound{}
	}
	out, err := parseArgs(args)
	if err != nil {
		return media.Sound{}
	}
	sound, _ = out.tunable(s.Want, sound)
	return sound
}

// ShellStart returns where in its input a command begins by itself, or 0 if that is not
// known.
func ShellStart(s media.Shell) time.Duration { return shell{line: s.Command, want: s.Want}.start() }

// shell is a command line of FromShell.
type shell struct {
	line  string
	want  media.Track
	sound media.Sound // resolved, or zero
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

// words splits the line, and reports whether its program is ffmpeg.
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

// shellKbps is the sound's bit rate of a command that asks for none.
const shellKbps = 128

// job returns the job that runs the command as it is.
func (s shell) job() (Job, error) {
	path, args, ffmpeg, err := s.words()
	if err != nil {
		return Job{}, err
	}
	j := Job{path: path, args: args, want: s.want, start: s.start(), soundBuffer: bufferFor(shellKbps)}
	if !ffmpeg {
		return j, nil
	}
	if j.path == "ffmpeg" {
		j.path = "" // that of the Env
	}
	var known bool
	j.bounds, known = played(args)
	j.timeless = !known
	out, err := parseArgs(args)
	if err != nil {
		return Job{}, err
	}
	j.sound, j.tunable = out.tunable(j.want, s.sound)
	if j.tuned().speed() != 1 {
		if args, _, err = seekArgs(args, j.start, j.tuned()); err != nil {
			return Job{}, err
		}
	}
	return j.watched(0, args)
}

// tuned is the sound that the command gets.
func (j Job) tuned() sound { return sound{Sound: j.sound} }

// played returns the part of the media that a command plays, or false if its output's
// times say nothing of the media's.
func played(args []string) (*excerpt, bool) {
	out, err := parseArgs(args)
	if err != nil || out.seekable() != nil || out.has("shortest", "") {
		return nil, false
	}
	part, err := out.excerpt()
	return &part, err == nil
}

// watched returns the job of an ffmpeg command, completed, that begins at a position. Its
// log is read unless the command sets a level of its own.
func (j Job) watched(position time.Duration, args []string) (Job, error) {
	out, err := parseArgs(args)
	if err == nil && len(out.logging) == 0 {
		j.seek = seekCheck{position: position, inputs: len(out.inputs)}
	}
	if err == nil {
		args, err = tune(args, j.want, j.tuned())
	}
	if err != nil {
		return Job{}, err
	}
	return j.complete(watchedArgs(), args)
}

// complete returns the job with the arguments of an ffmpeg command, completed.
func (j Job) complete(global, args []string) (Job, error) {
	var err error
	j.args, err = completeArgs(global, args, j.want)
	if apart, ok := completeApart(global, args); ok && err == nil && j.want == media.TrackAudio|media.TrackVideo {
		j.args, j.apart = apart, true
	}
	return j, err
}

// jobAt returns the job that begins at a position, and the inputs it reads.
func (s shell) jobAt(position time.Duration) (j Job, urls []string, err error) {
	j, err = s.job() // it finds what is wrong with the command as such
	if err != nil {
		return Job{}, nil, err
	}
	_, args, ffmpeg, err := s.words()
	if err != nil {
		return Job{}, nil, err
	}
	if !ffmpeg {
		return Job{}, nil, fmt.Errorf("%w: the command is not ffmpeg's", models.ErrSeekUnsupported)
	}
	args, urls, err = seekArgs(args, position, j.tuned())
	if err != nil {
		return Job{}, nil, err
	}
	j, err = j.watched(position, args)
	return j, urls, err
}
