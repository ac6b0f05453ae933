package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/load"
)

// options are the flags.
type options struct {
	calls     []int
	rows      []string // names of rows; nil for those that fit the number of calls
	speakers  []int    // nil likewise
	full      bool
	window    time.Duration
	settle    time.Duration
	samples   int
	addresses int
	ffmpeg    string

	docs          bool
	csv, benchfmt string // paths; empty for none
	profiles      string // a directory; empty for none
}

// names are the rows, as -rows has them.
var names = []struct{ flag, source string }{
	{"idle", load.Idle},
	{"ready20", load.Ready20},
	{"ready60", load.Ready60},
	{"passthrough", load.PassThrough},
	{"mp3", load.MP3},
	{"shared", load.SharedMP3},
	{"720p30", load.Picture},
	{"h264", load.H264Picture},
	{"video", load.ReadyVideo},
}

func parse(args []string) (o options, err error) {
	var calls, rows, speakers string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&calls, "calls", "", "numbers of calls, with commas (default 200, or 1,50,200,1000,2000 with -full)")
	flags.StringVar(&rows, "rows", "", "sources, with commas: idle, ready20, ready60, passthrough, mp3, shared, 720p30, h264, video")
	flags.StringVar(&speakers, "speakers", "", "numbers of others that speak in each call, with commas")
	flags.BoolVar(&o.full, "full", false, "measure everything")
	flags.DurationVar(&o.window, "window", 5*time.Second, "how long each row is measured")
	flags.DurationVar(&o.settle, "settle", time.Second, "how long each row plays before that")
	flags.IntVar(&o.samples, "samples", 10, "first packets of each source that are timed")
	flags.IntVar(&o.addresses, "addresses", 256, "addresses of the servers; calls beyond their number share them")
	flags.StringVar(&o.ffmpeg, "ffmpeg", "ffmpeg", "the ffmpeg that makes what is played")
	flags.BoolVar(&o.docs, "docs", false, "write the table into ARCHITECTURE.md and README.md of the current directory")
	flags.StringVar(&o.csv, "csv", "", "a file for the figures")
	flags.StringVar(&o.benchfmt, "benchfmt", "", "a file for the figures, which benchstat reads; it is appended to")
	flags.StringVar(&o.profiles, "profiles", "", "a directory for a profile of each row")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.addresses < 1 {
		return o, errors.New("calls need an address")
	}
	if calls == "" {
		if calls = "200"; o.full {
			calls = "1,50,200,1000,2000"
		}
	}
	if o.calls, err = numbers(calls, 1); err != nil {
		return o, err
	}
	if o.speakers, err = numbers(speakers, 0); err != nil {
		return o, err
	}
	return o, o.choose(rows)
}

// numbers returns those of a list, none of which may be less than least.
func numbers(list string, least int) (all []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		if field == "" {
			continue
		}
		n, err := strconv.Atoi(field)
		if err != nil || n < least {
			return nil, fmt.Errorf("%q is not a number from %d on", field, least)
		}
		all = append(all, n)
	}
	return all, nil
}

// choose sets the rows.
func (o *options) choose(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		found := false
		for _, n := range names {
			if n.flag == name {
				o.rows, found = append(o.rows, n.source), true
			}
		}
		if !found {
			return fmt.Errorf("unknown row %q", name)
		}
	}
	return nil
}

// plan returns what is measured with n calls.
func (o *options) plan(n int, media string) load.Plan {
	p := load.Plan{
		Calls: n, Addresses: min(n, o.addresses), Window: o.window, Settle: o.settle, Samples: o.samples,
		Media: media, Profiles: o.profiles,
	}
	for _, source := range o.sources() {
		speakers := o.speakers
		if speakers == nil {
			speakers = o.usualSpeakers(source, n)
		}
		p.Rows = append(p.Rows, load.Row{Source: source, Speakers: speakers, Skipped: o.tooMuch(source, n)})
	}
	return p
}

// sources returns the rows that were asked for, or the usual ones.
func (o *options) sources() []string {
	switch {
	case o.rows != nil:
		return o.rows
	case o.full:
		var all []string
		for _, n := range names {
			all = append(all, n.source)
		}
		return all
	default:
		return []string{load.Idle, load.Ready20, load.Ready60, load.PassThrough}
	}
}

// usualSpeakers returns for how many speakers a row is measured: for all numbers where one can
// compare them.
func (o *options) usualSpeakers(source string, calls int) []int {
	switch {
	case !o.full || calls == 1:
		return []int{0}
	case calls == 200 && (source == load.Idle || source == load.Ready20 || source == load.Ready60):
		return []int{0, 1, 3, 4}
	case calls <= 1000 && source == load.Ready20:
		return []int{0, 3}
	}
	return []int{0}
}

// The encoders that a machine of few cores carries: 720p30 takes a fifth of one, sound a
// hundredth.
const (
	pictureEncoders = 4
	soundEncoders   = 200
)

// tooMuch returns why a row that was not asked for by name is left out.
func (o *options) tooMuch(source string, calls int) string {
	if o.rows != nil {
		return ""
	}
	switch {
	case (source == load.Picture || source == load.H264Picture) && calls > pictureEncoders, source == load.MP3 && calls > soundEncoders:
		return "too many encoders for this machine"
	case source == load.ReadyVideo && calls > 200:
		return "too much video for this machine"
	}
	return ""
}
