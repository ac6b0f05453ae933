package ffmpeg

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// unbounded is the end of what plays to the end of the media.
const unbounded = time.Duration(-1)

// excerpt is the part of the media that an ffmpeg command plays.
type excerpt struct {
	start     time.Duration
	inputEnds []time.Duration // where each input ends, or unbounded
	outputEnd time.Duration   // or unbounded
}

// commandStart is the position at which a command begins.
func commandStart(args []string) (time.Duration, error) {
	out, err := parseArgs(args)
	if err != nil {
		return 0, err
	}
	e, err := out.excerpt()
	return e.start, err
}

// seekArgs rewrites a command so that it begins at a position, at the speed of a sound,
// and ends where it did. It returns what the command reads, too.
func seekArgs(args []string, position time.Duration, s sound) (rewritten, urls []string, err error) {
	out, err := parseArgs(args)
	if err != nil {
		return nil, nil, err
	}
	if err := out.seekable(); err != nil {
		return nil, nil, err
	}
	part, err := out.excerpt()
	if err != nil {
		return nil, nil, err
	}
	for _, end := range append(part.inputEnds, part.outputEnd) {
		if end != unbounded && end <= position {
			return nil, nil, fmt.Errorf("%w: the command ends at %v: %w", models.ErrFile, end, io.EOF)
		}
	}
	lead := preroll(position)
	if codec, _ := out.get("c", ""); codec == "copy" {
		lead = 0 // nothing is decoded
	}
	var drop []option
	insert := map[int][]string{}
	for i, in := range out.inputs {
		urls = append(urls, in.url)
		drop = append(drop, in.options...)
		insert[in.at] = append(startAt(position-lead), remaining(part.inputEnds[i], position-lead)...)
	}
	drop = slices.DeleteFunc(append(drop, out.options...), func(o option) bool {
		return o.name != "ss" && o.name != "t" && o.name != "to"
	})
	drop = append(drop, out.logging...)
	at := out.end()
	insert[at] = startAt(s.Played(lead))
	if part.outputEnd != unbounded {
		insert[at] = append(insert[at], "-t", seconds(s.Played(part.outputEnd-position)))
	}
	return rewrite(args, drop, insert), urls, nil
}

// rewrite returns arguments without some options, and with others before an index.
func rewrite(args []string, drop []option, insert map[int][]string) (rewritten []string) {
	for i := 0; i <= len(args); i++ {
		rewritten = append(rewritten, insert[i]...)
		dropped := slices.ContainsFunc(drop, func(o option) bool { return o.at <= i && i < o.end })
		if i < len(args) && !dropped {
			rewritten = append(rewritten, args[i])
		}
	}
	return rewritten
}

// remaining is the option that ends an input or output where it did.
func remaining(end, position time.Duration) []string {
	if end == unbounded {
		return nil
	}
	return []string{"-t", seconds(end - position)}
}

// excerpt returns the part of the media that the command plays. Output time begins where
// the inputs do.
func (o commandLine) excerpt() (excerpt, error) {
	var e excerpt
	for i, in := range o.inputs {
		start, end, err := bounds(in.options)
		switch {
		case err != nil:
			return excerpt{}, err
		case i > 0 && start != e.start:
			return excerpt{}, fmt.Errorf("%w: the inputs begin at %v and %v", models.ErrSeekUnsupported, e.start, start)
		}
		e.start = start
		e.inputEnds = append(e.inputEnds, end)
	}
	start, end, err := bounds(o.options)
	if err != nil {
		return excerpt{}, err
	}
	if e.outputEnd = end; end != unbounded {
		e.outputEnd += e.start
	}
	e.start += start
	return e, nil
}

// bounds reads -ss, -t and -to, of which -t wins over -to.
func bounds(options []option) (start, end time.Duration, err error) {
	start, _, err = timeOption(options, "ss")
	if err != nil {
		return 0, 0, err
	}
	length, given, err := timeOption(options, "t")
	if err != nil || given {
		return start, start + length, err
	}
	end, given, err = timeOption(options, "to")
	if err != nil || given {
		return start, end, err
	}
	return start, unbounded, nil
}

func timeOption(options []option, name string) (value time.Duration, given bool, err error) {
	text, given := lookUp(options, name, "")
	if !given {
		return 0, false, nil
	}
	value, ok := parseTime(text)
	if !ok {
		return 0, false, fmt.Errorf("%w: -%s is %q", models.ErrSeekUnsupported, name, text)
	}
	return value, true, nil
}

// seekable reports why a position in a command's output is not one in the media.
func (o commandLine) seekable() error {
	if len(o.inputs) == 0 {
		return fmt.Errorf("%w: the command has no input", models.ErrSeekUnsupported)
	}
	all := append(slices.Clone(o.options), o.filters...)
	for _, in := range o.inputs {
		if format, _ := lookUp(in.options, "f", ""); device(format) {
			return fmt.Errorf("%w: the input is of the device %s", models.ErrSeekUnsupported, format)
		}
		all = append(all, in.options...)
	}
	for _, opt := range all {
		switch opt.name {
		case "sseof", "stream_loop", "itsoffset", "itsscale", "isync", "loop", "seek_timestamp", // of inputs
			"copyts", "start_at_zero", "output_ts_offset",
			"frames", "vframes", "aframes", "dframes", "fs", "read_intervals",
			"filter_script", "/filter", "/filter_complex", "filter_complex_script":
			return fmt.Errorf("%w: the command has -%s", models.ErrSeekUnsupported, opt.name)
		case "af", "vf", "filter", "filter_complex", "lavfi":
			if name := movesTime(opt.value); name != "" {
				return fmt.Errorf("%w: the command has a filter %s", models.ErrSeekUnsupported, name)
			}
		}
	}
	return nil
}

// movesTime finds the name of a filter that moves or changes time, reads something
// else than the inputs, or shows the time in the media: subtitles would be those of
// the start.
func movesTime(filters string) string {
	for _, name := range []string{
		"trim", "setpts", "tempo", "setrate", "rubberband", "loop", "concat", "delay", "reverse", "movie", "tpad", "silenceremove",
	} {
		if strings.Contains(filters, name) {
			return name
		}
	}
	for _, name := range filterNames(filters) {
		switch {
		case name == "subtitles", name == "ass", name == "sendcmd", name == "asendcmd":
			return name
		case name == "drawtext" && showsTime.MatchString(filters):
			return name
		}
	}
	return ""
}

// showsTime matches the text of drawtext that changes with the time or the number of a
// frame.
var showsTime = regexp.MustCompile(`%\\*\{(pts|n|frame_num|e|expr|eif|expr_int_format)\b|timecode`)

// filterNames lists the filters of a graph in ffmpeg's syntax:
// [in]name@id=arguments[out],name;name, with quotes and backslashes in the arguments.
func filterNames(graph string) []string {
	var names []string
	quoted, name := false, ""
	const inName, inLabel, inArguments = 0, 1, 2
	state := inName
	end := func() {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
		name = ""
	}
	for i := 0; i < len(graph); i++ {
		c := graph[i]
		switch {
		case c == '\\' && !quoted:
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == ',' || c == ';':
			end()
			state = inName
		case state == inLabel:
			if c == ']' {
				state = inName
			}
		case state == inArguments:
		case c == '[':
			end()
			state = inLabel
		case c == '=' || c == '@':
			end()
			state = inArguments
		default:
			name += string(c)
		}
	}
	end()
	return names
}

// device reports whether a format is an input device: it has a present and no
// positions.
func device(format string) bool {
	switch format {
	case "lavfi", "alsa", "android_camera", "avfoundation", "bktr", "decklink", "dshow", "fbdev", "gdigrab",
		"iec61883", "jack", "kmsgrab", "libcdio", "libdc1394", "openal", "oss", "pulse", "sndio", "v4l2",
		"video4linux2", "vfwcap", "x11grab", "xcbgrab":
		return true
	}
	return false
}
