package studio

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gotgcall/gotgcall"
)

// Input says what to play.
type Input struct {
	Kind  string `json:"kind"`  // file, url or pattern
	Value string `json:"value"` // a name of the demo folder, a URL, a name of a pattern

	path string // of a file of this machine, which no request can ask for
}

// Local returns the input that plays a file of this machine.
func Local(path string) Input { return Input{path: path} }

// ErrInput is wrapped by the error of an input that describes nothing.
var ErrInput = errors.New("there is no such source")

// Pattern is a picture and a sound that ffmpeg makes.
type Pattern struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Command string `json:"command"` // without the output
	tracks  gotgcall.Track
}

// encoder is how a pattern is encoded: a picture of a shell command is not made smaller on
// a slow machine, so this one is small.
const encoder = " -c:v libvpx -b:v 900k -deadline realtime -cpu-used 16 -g 60 -c:a libopus -b:a 96k"

// Patterns are those that there are, by name.
var Patterns = []Pattern{
	{
		"bars", "Moving bars and a melody",
		`ffmpeg -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i "` + melody + `"` + encoder,
		gotgcall.TrackAudio | gotgcall.TrackVideo,
	},
	{
		"gradient", "Slow colours and a melody",
		`ffmpeg -f lavfi -i ` + colours + `:rate=30 -f lavfi -i "` + melody + `"` + encoder,
		gotgcall.TrackAudio | gotgcall.TrackVideo,
	},
	{"tone", "A tone of 440 Hz", `ffmpeg -f lavfi -i sine=frequency=440:sample_rate=48000 -c:a libopus -b:a 96k`, gotgcall.TrackAudio},
}

// colours is a picture of slow blues.
const colours = `gradients=size=640x360:c0=0x0b2545:c1=0x1668b8:c2=0x7cc4ff:c3=0x13315c:nb_colors=4:speed=0.008:seed=7`

// melody walks up and down a scale, four notes a second.
const melody = `aevalsrc=exprs='0.25*sin(2*PI*t*262*pow(2\,floor(mod(floor(t*4)*3\,8)*12/7)/12))*exp(-3*mod(t\,0.25))':s=48000`

// title is how an input is shown.
func (in Input) title() string {
	if in.path != "" {
		return filepath.Base(in.path)
	}
	switch in.Kind {
	case "pattern":
		for _, p := range Patterns {
			if p.Name == in.Value {
				return p.Title
			}
		}
	case "url":
		if u, err := url.Parse(in.Value); err == nil {
			u.User, u.RawQuery = nil, "" // may be secrets
			return u.String()
		}
	}
	return in.Value
}

// source returns what plays an input.
func (s *Studio) source(ctx context.Context, in Input) (gotgcall.Source, error) {
	if in.path != "" {
		return s.fromFile(ctx, in.path), nil
	}
	switch in.Kind {
	case "file":
		path, err := s.folder.path(in.Value)
		if err != nil {
			return nil, err
		}
		return s.fromFile(ctx, path), nil
	case "url":
		if !strings.Contains(in.Value, "://") {
			return nil, fmt.Errorf("%w: an address begins with http:// or https://", ErrInput)
		}
		return gotgcall.FromURL(in.Value, all), nil
	case "pattern":
		for _, p := range Patterns {
			if p.Name == in.Value {
				return gotgcall.FromShell(p.Command, p.tracks), nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %s %q", ErrInput, in.Kind, in.Value)
}

// all plays of sound and picture what there is.
var all = gotgcall.EncodeOptions{Tracks: gotgcall.TrackAudio | gotgcall.TrackVideo}

// fromFile plays a file. One without a picture is played as music, so that Opus is passed
// through.
func (s *Studio) fromFile(ctx context.Context, path string) gotgcall.Source {
	if tracks, err := s.probe(ctx, path); err == nil && tracks == gotgcall.TrackAudio {
		return gotgcall.FromFile(path, gotgcall.EncodeOptions{})
	}
	return gotgcall.FromFile(path, all) // which says what is wrong
}

// probe opens a file as a call would, and returns its tracks. Its error says in ffmpeg's
// words why it cannot be played.
func (s *Studio) probe(ctx context.Context, path string) (gotgcall.Track, error) {
	stream, err := gotgcall.FromFile(path, all).Open(ctx, s.env)
	if err != nil {
		return 0, err
	}
	return stream.Tracks(), stream.Close()
}
