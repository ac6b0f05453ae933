package ffmpeg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// option is one option of an ffmpeg command line: -name:spec value.
type option struct {
	name, spec, value string
	at, end           int // where in args it stands
}

// inputArgs is one input with the options that stand before it.
type inputArgs struct {
	at      int // where in args its -i stands
	url     string
	options []option
}

// commandLine is a parsed ffmpeg command line of at most one output.
type commandLine struct {
	args    []string
	inputs  []inputArgs
	urls    []int    // where in args the outputs are named
	options []option // of the output: neither global nor before an input
	mapped  bool     // the user says which streams go out
	filters []option // complex ones
	logging []option // the user's log level
}

// completeArgs returns ffmpeg's arguments with the options added that an output of the
// wanted tracks on standard output lacks. The user's own options are kept, and those
// before an input belong to it. A log level of the user replaces the one that global
// ends with.
func completeArgs(global, args []string, want media.Track) ([]string, error) {
	out, err := parseArgs(args)
	if err != nil {
		return nil, err
	}
	at := out.end()
	switch {
	case len(out.urls) > 1:
		return nil, fmt.Errorf("%w: the command has %d outputs, want one", models.ErrInvalidParams, len(out.urls))
	case len(out.urls) == 1:
		if url := args[at]; url != "-" && url != "pipe:" && url != "pipe:1" {
			return nil, fmt.Errorf("%w: the command writes to %q, want standard output (pipe:1)", models.ErrInvalidParams, url)
		}
	}
	out.byKind(want)
	missing, err := out.missing(want)
	if err != nil {
		return nil, err
	}
	if len(out.urls) == 0 {
		missing = append(missing, "pipe:1")
	}
	if len(out.logging) > 0 {
		global = global[:2] // -nostdin -hide_banner
	}
	return slices.Concat(global, args[:at], missing, args[at:]), nil
}

// parseArgs reads a command line as ffmpeg does: options belong to the input or
// output that follows them.
func parseArgs(args []string) (commandLine, error) {
	out := commandLine{args: args}
	var group []option
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return out, fmt.Errorf("%w: the command has a --", models.ErrInvalidParams)
		}
		if len(args[i]) < 2 || args[i][0] != '-' {
			out.urls = append(out.urls, i)
			out.options = append(out.options, group...)
			group = nil
			continue
		}
		name, spec, _ := strings.Cut(args[i][1:], ":")
		o := canonical(option{name: name, spec: spec, at: i})
		if !isFlag(name) {
			i++
			if i == len(args) {
				return out, fmt.Errorf("%w: option %s has no value", models.ErrInvalidParams, args[i-1])
			}
			o.value = args[i]
		}
		o.end = i + 1
		switch o.name {
		case "i":
			out.inputs = append(out.inputs, inputArgs{at: o.at, url: o.value, options: group})
			group = nil
		case "filter_complex", "lavfi", "filter_complex_script", "/filter_complex":
			out.filters = append(out.filters, o)
		case "loglevel", "v":
			out.logging = append(out.logging, o)
		default:
			group = append(group, o)
		}
	}
	if len(out.urls) == 0 {
		out.options = group
	}
	out.mapped = len(out.filters) > 0 || out.has("map", "")
	return out, nil
}

// end is where in args the output's options end.
func (o commandLine) end() int {
	if len(o.urls) > 0 {
		return o.urls[0]
	}
	return len(o.args)
}

// settle spells the booleans that take a value before ffmpeg 7 and none since, so that
// both understand: -noautorotate for -autorotate 0. What they are by default, in
// all versions, is left out.
func settle(args []string) []string {
	var settled []string
	for i := 0; i < len(args); i++ {
		if len(args[i]) < 2 || args[i][0] != '-' {
			settled = append(settled, args[i])
			continue
		}
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		name, _, _ := strings.Cut(args[i][1:], ":")
		switch {
		case name == "autorotate" || name == "autoscale":
			if value == "0" {
				settled = append(settled, "-no"+args[i][1:])
			}
			if value == "0" || value == "1" {
				i++
			}
		case isFlag(name) || i+1 == len(args):
			settled = append(settled, args[i])
		default:
			settled = append(settled, args[i], value)
			i++
		}
	}
	return settled
}

// canonical gives an option its long-standing name with a stream specifier.
func canonical(o option) option {
	switch o.name {
	case "codec":
		o.name = "c"
	case "acodec":
		o.name, o.spec = "c", "a"
	case "vcodec":
		o.name, o.spec = "c", "v"
	case "ab":
		o.name, o.spec = "b", "a"
	case "vb":
		o.name, o.spec = "b", "v"
	}
	return o
}

// isFlag reports whether an ffmpeg option stands alone. Every other one takes a
// value, also one that is not known here: so do all options of codecs, formats,
// filters and protocols.
func isFlag(name string) bool {
	switch name {
	case "y", "n", "re", "vn", "an", "sn", "dn", "shortest", "copyts", "start_at_zero", "hide_banner",
		"report", "bitexact", "benchmark", "benchmark_all", "dump", "hex", "xerror", "vstats", "qphist",
		"debug_ts", "copy_unknown", "ignore_unknown", "recast_media", "fix_sub_duration", "intra",
		"deinterlace", "psnr", "force_fps", "print_graphs", "display_hflip", "display_vflip",
		"fix_sub_duration_heartbeat",
		"version", "dispositions", "hwaccels", "buildconf", "formats", "muxers", "demuxers", "devices", "codecs", "decoders",
		"encoders", "bsfs", "protocols", "filters", "pix_fmts", "layouts", "sample_fmts", "colors", "L":
		return true
	}
	// A boolean may be spelt as its opposite. What is left of autorotate and
	// autoscale by settle is.
	switch strings.TrimPrefix(name, "no") {
	case "stdin", "stats", "accurate_seek", "autorotate", "autoscale", "find_stream_info", "copyinkf",
		"shortest", "copyts", "auto_conversion_filters":
		return true
	}
	return false
}

// has reports whether an option is given, for all streams or for those of a kind.
func (o commandLine) has(name, kind string) bool {
	_, ok := o.get(name, kind)
	return ok
}

// get returns the value in effect: the last one given.
func (o commandLine) get(name, kind string) (value string, ok bool) {
	return lookUp(o.options, name, kind)
}

func lookUp(options []option, name, kind string) (value string, ok bool) {
	for _, opt := range options {
		if opt.name == name && (opt.spec == "" || kind == "" || strings.HasPrefix(strings.ToLower(opt.spec), kind)) {
			value, ok = opt.value, true
		}
	}
	return value, ok
}

// byKind replaces the stream number of an output option, as in -c:0, by the kind of that
// stream: the kind that the n-th -map names or, without -map, pictures before sound. An
// option of a stream of unknown kind then applies to all streams.
func (o *commandLine) byKind(want media.Track) {
	var kinds []string
	for _, opt := range o.options {
		if opt.name == "map" && !strings.HasPrefix(opt.value, "-") {
			_, kind, _ := strings.Cut(strings.ToLower(opt.value), ":")
			kinds = append(kinds, kind[:min(1, len(kind))])
		}
	}
	switch {
	case want == media.TrackAudio:
		kinds = []string{"a"}
	case want == media.TrackVideo:
		kinds = []string{"v"}
	case !o.mapped:
		kinds = []string{"v", "a"}
	}
	for i, opt := range o.options {
		n, err := strconv.ParseUint(opt.spec, 10, 16)
		switch {
		case err != nil:
		case n < uint64(len(kinds)) && (kinds[n] == "a" || kinds[n] == "v"):
			o.options[i].spec = kinds[n]
		case n < uint64(len(kinds)) || len(o.filters) > 0:
			o.options[i].spec = ""
		}
	}
}

// missing returns the options that the output lacks.
func (o commandLine) missing(want media.Track) ([]string, error) {
	format, err := o.format(want)
	if err != nil {
		return nil, err
	}
	var args []string
	for _, off := range o.unwanted(want) {
		if !o.has(off, "") {
			args = append(args, "-"+off)
		}
	}
	// By itself ffmpeg takes cover art for a picture, and in Ogg encodes it.
	if !o.mapped && len(o.inputs) == 1 {
		if want.Has(media.TrackVideo) {
			args = append(args, "-map", "0:V:0?")
		}
		if want.Has(media.TrackAudio) {
			args = append(args, "-map", "0:a:0?")
		}
	}
	if want.Has(media.TrackVideo) {
		video, err := o.missingVideo()
		if err != nil {
			return nil, err
		}
		args = append(args, video...)
	}
	if want.Has(media.TrackAudio) {
		audio, err := o.missingAudio()
		if err != nil {
			return nil, err
		}
		args = append(args, audio...)
	}
	return append(args, o.missingFormat(format)...), nil
}

func (o commandLine) unwanted(want media.Track) []string {
	off := []string{"sn", "dn"}
	if !want.Has(media.TrackVideo) {
		off = append(off, "vn")
	}
	if !want.Has(media.TrackAudio) {
		off = append(off, "an")
	}
	return off
}

// format returns the container: the given one, or the default for the tracks.
func (o commandLine) format(want media.Track) (string, error) {
	own := map[media.Track]string{media.TrackAudio: "ogg", media.TrackVideo: "ivf", media.TrackAudio | media.TrackVideo: "matroska"}[want]
	given, ok := o.get("f", "")
	switch {
	case !ok:
		return own, nil
	case given == own, given == "matroska", given == "webm", want == media.TrackAudio && (given == "opus" || given == "oga"):
		return given, nil
	}
	return "", fmt.Errorf("%w: the command's output format is %q, want encoded %v: -f %s, or no -f at all",
		models.ErrInvalidParams, given, want, own)
}

func (o commandLine) missingFormat(format string) []string {
	defaults := []string{"-page_duration", "20000"}
	switch format {
	case "ivf":
		defaults = nil
	case "matroska", "webm":
		defaults = liveMatroskaArgs()[2:]
	}
	args := []string{}
	if !o.has("f", "") {
		args = append(args, "-f", format)
	}
	return append(args, o.absent("", defaults)...)
}

func (o commandLine) missingAudio() ([]string, error) {
	codec, given := o.get("c", "a")
	switch {
	case codec == "copy":
		return nil, nil
	case given && codec != "libopus" && codec != "opus":
		return nil, fmt.Errorf("%w: the command's audio codec is %q, want libopus", models.ErrInvalidParams, codec)
	}
	args := []string{"-c:a", "libopus"}
	if application, ok := o.get("application", "a"); codec != "opus" && (!ok || application == "audio") {
		args = append(args, musicArgs(framesMs)...)
	}
	return o.absent("a", append(args, "-b:a", kbps(shellKbps), "-ar", "48000", "-ac", "2")), nil
}

// defaultFPS is the default frame rate of media.EncodeOptions.
const defaultFPS = 30

func (o commandLine) missingVideo() ([]string, error) {
	codec, given := o.get("c", "v")
	vp8 := strings.Contains(codec, "vp8") || codec == "libvpx"
	switch {
	case codec == "copy":
		return nil, nil
	case given && !vp8:
		return nil, fmt.Errorf("%w: the command's video codec is %q, want libvpx", models.ErrInvalidParams, codec)
	}
	args := []string{"-c:v", "libvpx", "-b:v", "800k"}
	if !given || codec == "libvpx" {
		args = append(args, "-pix_fmt", "yuv420p")
		args = append(args, realtimeArgs(media.VP8)...)
	}
	return o.absent("v", append(args, keyFrameArgs(defaultFPS)...)), nil
}

// absent returns those of the default options, each with a value, that are not given for
// a kind of stream.
func (o commandLine) absent(kind string, defaults []string) []string {
	var args []string
	for i := 0; i+1 < len(defaults); i += 2 {
		name, _, _ := strings.Cut(defaults[i][1:], ":")
		if !o.has(name, kind) {
			args = append(args, defaults[i], defaults[i+1])
		}
	}
	return args
}
