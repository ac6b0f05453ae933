package playlist

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Presentation is a DASH media presentation description that is reduced to one
// picture and one sound.
type Presentation struct {
	// Live reports that the server will go on adding to it.
	Live bool
	// Duration is how long it lasts; 0 if it does not say.
	Duration time.Duration
	// Lengths are how long the periods last that are played one after another. One
	// that is live, or does not say how long they last, has a single length, 0 where
	// it is not known.
	Lengths []time.Duration

	root *element
	base *url.URL
}

// ParseDASH reads a description that came from base, and leaves in each period
// one form of the picture inside the bounds and one of the sound. Text, pictures
// to scroll by, other languages and angles are left out.
func ParseDASH(data []byte, base *url.URL, b Bounds) (*Presentation, error) {
	root, err := parseXML(data)
	if err != nil {
		return nil, err
	}
	if root.local() != "MPD" {
		return nil, fmt.Errorf("%w: it is no MPD", ErrMalformed)
	}
	p := &Presentation{
		Live:     root.attribute("type") == "dynamic",
		Duration: parseISODuration(root.attribute("mediaPresentationDuration")),
		root:     root,
		base:     base,
	}
	root.drop(func(e *element) bool {
		// Where else it may be had, and whose clock counts: we fetch it, from here.
		return slices.Contains([]string{"Location", "UTCTiming", "PatchLocation", "Metrics", "ProgramInformation"}, e.local())
	})
	if !p.Live {
		unnumber(root)
	}
	lengths := p.lengths()
	empty := map[*element]bool{}
	for i, period := range root.all("Period") {
		kept, err := reduce(period, b)
		if err != nil {
			return nil, err
		}
		if empty[period] = !kept; kept {
			p.Lengths = append(p.Lengths, lengths[i])
		}
	}
	root.drop(func(e *element) bool { return empty[e] })
	switch {
	case len(p.Lengths) == 0:
		return nil, fmt.Errorf("%w: it has nothing to play", ErrMalformed)
	case p.Live || len(p.Lengths) > 1 && slices.Contains(p.Lengths, 0):
		p.Lengths = []time.Duration{0}
	}
	return p, nil
}

// unnumber takes away what lists of segments call their first one: ffmpeg would pass
// over as many.
func unnumber(e *element) {
	if e.local() == "SegmentList" {
		e.dropAttribute("startNumber")
	}
	for _, c := range e.children {
		unnumber(c)
	}
}

// lengths are those of the periods (ISO 23009-1 section 5.3.2.1), 0 where one is not
// known.
func (p *Presentation) lengths() []time.Duration {
	periods := p.root.all("Period")
	lengths := make([]time.Duration, len(periods))
	start := time.Duration(0)
	for i, period := range periods {
		if s := period.attribute("start"); s != "" {
			start = parseISODuration(s)
		}
		next := p.Duration
		if i+1 < len(periods) {
			next = parseISODuration(periods[i+1].attribute("start"))
		}
		lengths[i] = parseISODuration(period.attribute("duration"))
		if lengths[i] == 0 {
			lengths[i] = max(0, next-start)
		}
		start += lengths[i]
	}
	return lengths
}

// reduce leaves in a period what is to be played, and reports whether there is
// anything.
func reduce(period *element, b Bounds) (bool, error) {
	var picture, sound *form
	protected := false
	for _, set := range period.all("AdaptationSet") {
		for _, representation := range set.all("Representation") {
			f := newForm(set, representation)
			switch {
			case f.protected:
				protected = true
			case f.kind == "video" && b.Picture && (picture == nil || b.better(f.picture, picture.picture)):
				picture = f
			case f.kind == "audio" && (sound == nil || f.betterSound(sound)):
				sound = f
			}
		}
	}
	if sound == nil && picture == nil {
		// Sound alone is wanted of something that has it in its picture, or
		// nothing says what it is: ffmpeg looks.
		picture = mixed(period)
	}
	if sound == nil && picture == nil && protected {
		return false, fmt.Errorf("%w: it has content protection", ErrEncrypted)
	}
	chosen := func(e *element) bool {
		return picture != nil && (e == picture.set || e == picture.representation) ||
			sound != nil && (e == sound.set || e == sound.representation)
	}
	for _, set := range period.all("AdaptationSet") {
		set.drop(func(e *element) bool { return e.local() == "Representation" && !chosen(e) })
	}
	period.drop(func(e *element) bool {
		return e.local() == "AdaptationSet" && !chosen(e) || e.local() == "EventStream"
	})
	return sound != nil || picture != nil, nil
}

// mixed returns the form with the fewest bytes of those that may have sound.
func mixed(period *element) *form {
	var best *form
	for _, set := range period.all("AdaptationSet") {
		for _, representation := range set.all("Representation") {
			f := newForm(set, representation)
			hasSound := f.kind == "" || f.kind == "video" && f.codecs != "" && slices.ContainsFunc(strings.Split(f.codecs, ","),
				func(c string) bool { return isAudio(strings.TrimSpace(c)) })
			if hasSound && !f.protected && (best == nil || f.picture.bandwidth < best.picture.bandwidth) {
				best = f
			}
		}
	}
	return best
}

// form is one representation and what is said of it, there or at its set.
type form struct {
	set, representation *element

	kind      string // video, audio, other, or empty: unknown
	codecs    string
	picture   picture
	role      int // 1 is the main one, -1 one beside it
	protected bool
}

func newForm(set, representation *element) *form {
	said := func(name string) string {
		if v := representation.attribute(name); v != "" {
			return v
		}
		return set.attribute(name)
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(said(name), 10, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return 0
		}
		return n
	}
	f := &form{set: set, representation: representation, codecs: said("codecs")}
	f.picture = picture{
		width: int(min(number("width"), 1<<20)), height: int(min(number("height"), 1<<20)),
		rate: parseRate(said("frameRate")), bandwidth: number("bandwidth"),
	}
	f.kind = kindOf(set.attribute("contentType"), said("mimeType"), f.codecs)
	for _, e := range slices.Concat(set.children, representation.children) {
		switch e.local() {
		case "ContentProtection":
			f.protected = true
		case "Role":
			switch e.attribute("value") {
			case "main":
				f.role = 1
			case "commentary", "alternate", "description", "dub", "supplementary":
				f.role = -1
			}
		case "EssentialProperty":
			if strings.Contains(e.attribute("schemeIdUri"), "trickmode") || strings.Contains(e.attribute("schemeIdUri"), "thumbnail") {
				f.kind = "other"
			}
		}
	}
	return f
}

// kindOf returns video, audio, other, or nothing when nothing says it.
func kindOf(contentType, mimeType, codecs string) string {
	codecs = strings.ToLower(codecs)
	if strings.HasPrefix(codecs, "stpp") || strings.HasPrefix(codecs, "wvtt") {
		return "other"
	}
	for _, s := range []string{contentType, mimeType} {
		kind, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), "/")
		switch kind {
		case "video", "audio":
			return kind
		case "text", "image", "font":
			return "other"
		}
	}
	switch first, _, _ := strings.Cut(codecs, ","); {
	case mimeType != "" && codecs == "":
		return "other"
	case codecs == "":
		return ""
	case isAudio(first) && !strings.Contains(codecs, ","):
		return "audio"
	}
	return "video"
}

// betterSound reports whether f is rather to be heard than g: of the main role,
// else of the set that comes first, and there with the most bits.
func (f *form) betterSound(g *form) bool {
	if f.role != g.role {
		return f.role > g.role
	}
	return f.set == g.set && f.picture.bandwidth > g.picture.bandwidth
}

// parseRate reads 25 or 30000/1001.
func parseRate(s string) float64 {
	n, d, ok := strings.Cut(s, "/")
	rate, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return 0
	}
	if ok {
		over, err := strconv.ParseFloat(d, 64)
		if err != nil || over <= 0 {
			return 0
		}
		rate /= over
	}
	return rate
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d*)?)S)?)?$`)

// parseISODuration reads an xs:duration; what it cannot read is 0.
func parseISODuration(s string) time.Duration {
	m := isoDuration.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	const day = 24 * 3600
	total := 0.0
	for i, seconds := range []float64{365 * day, 30 * day, day, 3600, 60, 1} {
		n, _ := strconv.ParseFloat("0"+m[i+1], 64)
		total += n * seconds
	}
	return time.Duration(min(total, 365*day) * float64(time.Second)).Round(time.Microsecond)
}
