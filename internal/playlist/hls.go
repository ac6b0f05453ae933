package playlist

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The most that is read of a list. Masters of film services have some 200
// variants and renditions; 100 hours in segments of two seconds are 180,000.
const (
	maxVariants = 1000
	maxSegments = 400_000
	maxDuration = 24 * time.Hour // of one segment
)

// List is an HLS playlist: one of its fields is nil.
type List struct {
	Master *Master
	Media  *Media
}

// ParseHLS reads an HLS playlist that came from base. Tags that are not known are
// passed over, and what can be guessed may be missing. Handed are the variables of the
// master list that named it, which a media list may import; nil without one.
func ParseHLS(data []byte, base *url.URL, handed Variables) (List, error) {
	p := parser{base: base, media: &Media{base: base}, master: &Master{}}
	p.variables = definitions{base: base, imported: handed}
	first := true
	for line := range lines(data) {
		if first && !strings.HasPrefix(line, "#EXTM3U") {
			return List{}, fmt.Errorf("%w: it does not begin with #EXTM3U", ErrMalformed)
		}
		first = false
		if err := p.line(line); err != nil {
			return List{}, err
		}
	}
	switch {
	case len(p.master.Variants) > 0 && len(p.media.Segments) > 0:
		return List{}, fmt.Errorf("%w: it has both variants and segments", ErrMalformed)
	case len(p.master.Variants) > 0:
		p.master.Variables = p.variables.own
		return List{Master: p.master}, nil
	case first || len(p.media.Segments) == 0 && p.media.Target == 0:
		return List{}, fmt.Errorf("%w: it has no segments", ErrMalformed)
	}
	p.media.finish()
	return List{Media: p.media}, nil
}

// parser reads a list line by line: tags gather until the address that they are
// about.
type parser struct {
	base   *url.URL
	master *Master
	media  *Media

	variables definitions

	variant *Variant // whose address comes next
	next    Segment  // whose address comes next
	keys    keyring
	ranges  map[string]int64 // where the last range of an address ended
}

func (p *parser) line(line string) error {
	switch {
	case line == "":
		return nil
	case !strings.HasPrefix(line, "#"):
		return p.address(line)
	case !strings.HasPrefix(line, "#EXT"):
		return nil // a comment
	}
	tag, value, _ := strings.Cut(line, ":")
	switch tag {
	case "#EXT-X-STREAM-INF", "#EXT-X-MEDIA", "#EXT-X-DEFINE", "#EXT-X-KEY", "#EXT-X-MAP":
		a, err := p.variables.attributes(value)
		if err != nil {
			return err
		}
		return p.attributeTag(tag, a)
	}
	return p.mediaTag(tag, value)
}

// attributeTag reads a tag that has attributes.
func (p *parser) attributeTag(tag string, a map[string]string) error {
	switch tag {
	case "#EXT-X-STREAM-INF":
		v := parseVariant(a)
		p.variant = &v
	case "#EXT-X-MEDIA":
		return p.sound(a)
	case "#EXT-X-DEFINE":
		return p.variables.define(a)
	case "#EXT-X-KEY":
		return p.keys.add(a)
	case "#EXT-X-MAP":
		return p.initialisation(a)
	}
	return nil
}

// address is the line that an EXT-X-STREAM-INF or the tags of a segment are about.
func (p *parser) address(uri string) error {
	uri, err := p.variables.expand(uri)
	if err != nil {
		return err
	}
	if v := p.variant; v != nil {
		p.variant = nil
		if len(p.master.Variants) == maxVariants {
			return fmt.Errorf("%w: it has more than %d variants", ErrRefused, maxVariants)
		}
		v.URI = uri
		p.master.Variants = append(p.master.Variants, *v)
		return nil
	}
	if len(p.media.Segments) == maxSegments {
		return fmt.Errorf("%w: it has more than %d segments", ErrRefused, maxSegments)
	}
	if err := checkScheme(uri); err != nil {
		return err
	}
	s := p.next
	s.URI = uri
	if s.Length > 0 && s.Offset < 0 {
		s.Offset = p.ranges[uri]
	}
	if s.Length > 0 {
		if p.ranges == nil {
			p.ranges = map[string]int64{}
		}
		p.ranges[uri] = s.Offset + s.Length
	}
	key, err := p.keys.use()
	if err != nil && !s.Gap {
		return err
	}
	s.Key = key
	p.media.Segments = append(p.media.Segments, s)
	p.next = Segment{Map: s.Map}
	return nil
}

// checkScheme refuses an address that is neither relative nor of http or https.
func checkScheme(uri string) error {
	if scheme := schemeOf(uri); scheme != "" && scheme != "http" && scheme != "https" {
		return fmt.Errorf("%w: it names an address of %q", ErrRefused, scheme)
	}
	return nil
}

// mediaTag reads a tag of a media playlist.
func (p *parser) mediaTag(tag, value string) error {
	m := p.media
	switch tag {
	case "#EXTINF":
		length, _, _ := strings.Cut(value, ",")
		p.next.Duration = parseSeconds(length)
	case "#EXT-X-BYTERANGE":
		var ok bool
		if p.next.Length, p.next.Offset, ok = parseRange(value); !ok {
			return fmt.Errorf("%w: a byte range cannot be read", ErrMalformed)
		}
	case "#EXT-X-DISCONTINUITY":
		p.next.Discontinuity = true
	case "#EXT-X-GAP":
		p.next.Gap = true
	case "#EXT-X-TARGETDURATION":
		m.Target = parseSeconds(value)
	case "#EXT-X-MEDIA-SEQUENCE":
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || n < 0 || n > 1<<62 {
			return fmt.Errorf("%w: the media sequence number cannot be read", ErrMalformed)
		}
		m.Sequence = n
	case "#EXT-X-PLAYLIST-TYPE":
		// A list of type VOD never changes (RFC 8216 section 4.3.3.5).
		m.Ended = m.Ended || strings.EqualFold(strings.TrimSpace(value), "VOD")
		m.event = strings.EqualFold(strings.TrimSpace(value), "EVENT")
	case "#EXT-X-ENDLIST":
		m.Ended = true
	}
	return nil
}

// initialisation reads an EXT-X-MAP, which counts until the next one.
func (p *parser) initialisation(attributes map[string]string) error {
	i := Map{URI: attributes["URI"]}
	if err := checkScheme(i.URI); err != nil {
		return err
	}
	if i.URI == "" {
		return fmt.Errorf("%w: EXT-X-MAP has no address", ErrMalformed)
	}
	if r, ok := attributes["BYTERANGE"]; ok {
		if i.Length, i.Offset, ok = parseRange(r); !ok {
			return fmt.Errorf("%w: a byte range cannot be read", ErrMalformed)
		}
		i.Offset = max(i.Offset, 0)
	}
	var err error
	if i.Key, err = p.keys.use(); err != nil {
		return err
	}
	i.name = digest("map", i.URI, strconv.FormatInt(i.Offset, 10), strconv.FormatInt(i.Length, 10)) + ".mp4"
	p.next.Map = &i
	return nil
}

// parseRange reads <length>[@<offset>]. Without an offset it is -1.
func parseRange(s string) (length, offset int64, ok bool) {
	n, at, explicit := strings.Cut(strings.TrimSpace(s), "@")
	length, err := strconv.ParseInt(n, 10, 64)
	if err != nil || length <= 0 || length > 1<<53 {
		return 0, 0, false
	}
	if !explicit {
		return length, -1, true
	}
	offset, err = strconv.ParseInt(at, 10, 64)
	return length, offset, err == nil && offset >= 0 && offset <= 1<<53
}

// parseSeconds reads a number of seconds; what it cannot read is 0.
func parseSeconds(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return time.Duration(min(f, maxDuration.Seconds()) * float64(time.Second)).Round(time.Microsecond)
}

// parseAttributes reads a list of NAME=value, where a value may be quoted (RFC
// 8216 section 4.2). Of a name that comes twice the first counts.
func parseAttributes(s string) map[string]string {
	attributes := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, rest, _ = strings.Cut(quoted, `"`)
			_, s, _ = strings.Cut(rest, ",")
		} else {
			value, s, _ = strings.Cut(rest, ",")
			value = strings.TrimSpace(value)
		}
		if name = strings.TrimSpace(name); attributes[name] == "" {
			attributes[name] = value
		}
	}
	return attributes
}
