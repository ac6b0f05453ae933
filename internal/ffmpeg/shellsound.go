package ffmpeg

import (
	"slices"
	"strings"

	"github.com/gotgcall/gotgcall/media"
)

// tunable returns the part of a sound that the command's output can have, and whether it
// can have any: its sound has to be encoded here, by one chain of filters. Loudness is not
// measured. With another speed the command must be one that can be seeked.
func (o commandLine) tunable(want media.Track, s media.Sound) (media.Sound, bool) {
	s.Loudness = 0
	if !want.Has(media.TrackAudio) {
		s.Volume, s.Bass, s.Treble = 100, 0, 0
	}
	switch {
	case s == media.Sound{}:
	case want.Has(media.TrackAudio) && !o.filtered("a"):
		return media.Sound{}, false
	case o.seekable() != nil, want.Has(media.TrackVideo) && !o.filtered("v"):
		s.Speed = 1
	}
	return s, !want.Has(media.TrackAudio) || o.filtered("a")
}

// filtered reports whether filters can be added to a kind of stream.
func (o commandLine) filtered(kind string) bool {
	if codec, _ := o.get("c", kind); codec == "copy" || len(o.filters) > 0 {
		return false
	}
	return !slices.ContainsFunc(o.options, func(opt option) bool {
		switch opt.name {
		case "filter_script", "/filter":
			return true
		case "filter":
			return opt.spec == ""
		}
		return false
	})
}

// tune returns the arguments of a command with the filters of a sound behind its own.
func tune(args []string, want media.Track, s sound) ([]string, error) {
	o, err := parseArgs(args)
	if err != nil {
		return nil, err
	}
	channels := 2
	if n, _ := o.get("ac", ""); n == "1" {
		channels = 1
	}
	var drop []option
	var add []string
	for _, kind := range []struct {
		track                media.Track
		kind, short, filters string
	}{
		{media.TrackAudio, "a", "af", strings.Join(s.audio(channels), ",")},
		{media.TrackVideo, "v", "vf", strings.TrimSuffix(s.video(), ",")},
	} {
		if kind.filters == "" || !want.Has(kind.track) || !o.filtered(kind.kind) {
			continue
		}
		chain := kind.filters
		for _, opt := range o.options {
			own := opt.name == kind.short || opt.name == "filter" && strings.HasPrefix(strings.ToLower(opt.spec), kind.kind)
			if own {
				drop = append(drop, opt)
				chain = opt.value + "," + kind.filters
			}
		}
		add = append(add, "-filter:"+kind.kind, chain)
	}
	if len(add) == 0 {
		return args, nil
	}
	return rewrite(args, drop, map[int][]string{o.end(): add}), nil
}
