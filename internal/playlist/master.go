package playlist

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Master is an HLS master playlist: the same programme in several forms.
type Master struct {
	Variants []Variant
	Audio    []Rendition
	// Variables are what its lists may import.
	Variables Variables
}

// Variant is one form of a programme.
type Variant struct {
	URI           string // as the list has it
	Bandwidth     int64  // bit/s at most; 0 if it is not said
	Width, Height int    // 0 if it is not said
	FrameRate     float64
	Codecs        []string // RFC 6381; empty if it is not said
	AudioGroup    string   // the renditions that have its sound; empty: itself
	wideGamut     bool     // PQ or HLG, which shows pale as 8 bits
}

// Rendition is a sound that belongs to variants.
type Rendition struct {
	Group      string
	URI        string // empty: it is in the variant itself
	Default    bool
	Autoselect bool
	Channels   int // 0 if it is not said
}

// Choice is the picture and sound of a programme that are to be played.
type Choice struct {
	Main  *url.URL // a media playlist
	Sound *url.URL // the media playlist of its sound; nil: Main has it
}

func parseVariant(a map[string]string) Variant {
	v := Variant{AudioGroup: a["AUDIO"]}
	v.Bandwidth, _ = strconv.ParseInt(a["BANDWIDTH"], 10, 64)
	v.Bandwidth = max(v.Bandwidth, 0)
	v.FrameRate, _ = strconv.ParseFloat(a["FRAME-RATE"], 64)
	if w, h, ok := strings.Cut(strings.ToLower(a["RESOLUTION"]), "x"); ok {
		v.Width, v.Height = side(w), side(h)
	}
	for codec := range strings.SplitSeq(a["CODECS"], ",") {
		if codec = strings.TrimSpace(codec); codec != "" {
			v.Codecs = append(v.Codecs, codec)
		}
	}
	gamut := a["VIDEO-RANGE"]
	v.wideGamut = gamut != "" && gamut != "SDR"
	return v
}

// side reads a width or a height; what makes no sense is 0.
func side(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return n
}

// sound reads an EXT-X-MEDIA. All but sound is left out: subtitles, closed
// captions, other angles.
func (p *parser) sound(a map[string]string) error {
	if a["TYPE"] != "AUDIO" {
		return nil
	}
	if len(p.master.Audio) == maxVariants {
		return fmt.Errorf("%w: it has more than %d renditions", ErrRefused, maxVariants)
	}
	r := Rendition{
		Group: a["GROUP-ID"], URI: a["URI"],
		Default: a["DEFAULT"] == "YES", Autoselect: a["AUTOSELECT"] == "YES",
	}
	channels, _, _ := strings.Cut(a["CHANNELS"], "/")
	r.Channels = side(channels)
	p.master.Audio = append(p.master.Audio, r)
	return nil
}

// Choose returns what to play of the programme: with a picture the largest that
// is inside the bounds, or else the smallest; for sound alone that which has the
// fewest other bytes.
func (m *Master) Choose(b Bounds, base *url.URL) (Choice, error) {
	v, r := m.choosePicture(b)
	if !b.Picture {
		v, r = m.chooseSound()
	}
	main, sound := v.URI, ""
	if r != nil && r.URI != "" {
		if sound = r.URI; !b.Picture || v.soundOnly() || r.URI == v.URI {
			main, sound = r.URI, ""
		}
	}
	var c Choice
	var err error
	if c.Main, err = Resolve(base, main); err != nil || sound == "" {
		return c, err
	}
	c.Sound, err = Resolve(base, sound)
	return c, err
}

func (m *Master) choosePicture(b Bounds) (*Variant, *Rendition) {
	best := &m.Variants[0]
	for i := range m.Variants[1:] {
		if v := &m.Variants[i+1]; m.betterPicture(b, v, best) {
			best = v
		}
	}
	return best, m.rendition(best.AudioGroup)
}

// betterPicture reports whether v shows more inside the bounds than w does.
func (m *Master) betterPicture(b Bounds, v, w *Variant) bool {
	if v.soundOnly() != w.soundOnly() {
		return w.soundOnly()
	}
	if v.wideGamut != w.wideGamut {
		return w.wideGamut
	}
	return b.better(v.picture(), w.picture())
}

func (v *Variant) picture() picture {
	return picture{width: v.Width, height: v.Height, rate: v.FrameRate, bandwidth: v.Bandwidth}
}

// chooseSound prefers sound that comes without a picture, and with two channels
// to one that must be mixed down.
func (m *Master) chooseSound() (*Variant, *Rendition) {
	type candidate struct {
		variant   *Variant
		rendition *Rendition
	}
	var best *candidate
	rank := func(c *candidate) int {
		separate := c.variant.soundOnly() || c.rendition != nil && c.rendition.URI != ""
		stereo := c.rendition == nil || c.rendition.Channels <= 2
		switch {
		case c.variant.silent() && !separate:
			return 0
		case !separate:
			return 1
		case c.rendition == nil:
			return 2 // often a last resort, of few bits
		case !stereo:
			return 3
		}
		return 4
	}
	better := func(c, d *candidate) bool {
		if order := cmp.Compare(rank(c), rank(d)); order != 0 {
			return order > 0
		}
		// Where the picture comes along, the fewest bytes; where it does
		// not, the most.
		if rank(c) <= 1 {
			return c.variant.Bandwidth < d.variant.Bandwidth
		}
		return c.variant.Bandwidth > d.variant.Bandwidth
	}
	for i := range m.Variants {
		v := &m.Variants[i]
		c := &candidate{v, m.rendition(v.AudioGroup)}
		if best == nil || better(c, best) {
			best = c
		}
	}
	return best.variant, best.rendition
}

// rendition returns the sound of a group that is to be played: the default, else
// one that may be chosen for its language, else the first; nil without a group.
func (m *Master) rendition(group string) *Rendition {
	if group == "" {
		return nil
	}
	var best *Rendition
	rank := func(r *Rendition) int {
		switch {
		case r.Default:
			return 2
		case r.Autoselect:
			return 1
		}
		return 0
	}
	for i := range m.Audio {
		if r := &m.Audio[i]; r.Group == group && (best == nil || rank(r) > rank(best)) {
			best = r
		}
	}
	return best
}

// soundOnly reports whether a variant says that it has no picture.
func (v *Variant) soundOnly() bool {
	return v.Width == 0 && len(v.Codecs) > 0 && !slices.ContainsFunc(v.Codecs, func(c string) bool { return !isAudio(c) })
}

// silent reports whether a variant says that it has no sound in it.
func (v *Variant) silent() bool {
	return len(v.Codecs) > 0 && !slices.ContainsFunc(v.Codecs, isAudio)
}

// isAudio reports whether a codec of RFC 6381 is one for sound.
func isAudio(codec string) bool {
	codec = strings.ToLower(codec)
	return slices.ContainsFunc([]string{
		"mp4a", "ac-3", "ec-3", "ac-4", "opus", "vorbis", "flac", "fla", "alac", "mp3", "dts", "samr", "sawb", "iamf", "mhm",
	}, func(p string) bool { return strings.HasPrefix(codec, p) })
}
