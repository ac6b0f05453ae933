package playlist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Media is an HLS media playlist.
type Media struct {
	Target   time.Duration // how long a segment is at most
	Sequence int64         // the number of the first segment
	Segments []Segment
	// Ended reports that no segment will be added.
	Ended bool

	event bool // segments are added, none is taken away
	base  *url.URL
}

// Segment is a piece of media.
type Segment struct {
	URI            string // as the list has it
	Duration       time.Duration
	Offset, Length int64 // a range of the address's bytes; Length 0 is all of them
	Discontinuity  bool  // it does not continue the segment before it
	Gap            bool  // the server says that it does not have it
	Map            *Map  // what must be read before it; may be nil
	Key            *Key  // nil in the clear
}

// Map is a part of the media that a segment cannot be read without.
type Map struct {
	URI            string
	Offset, Length int64
	Key            *Key
	name           string
}

// Resource is a thing that a list names.
type Resource struct {
	// Segment is the number of a segment, counted as the server counts them; -1
	// for a key or a map.
	Segment int64
	// URL is where it is; nil when Data is all of it, or nothing.
	URL            *url.URL
	Offset, Length int64 // a range of the address's bytes; Length 0 is all of them
	Data           []byte
}

// finish puts in what the list does not say.
func (m *Media) finish() {
	var longest time.Duration
	for i := range m.Segments {
		s := &m.Segments[i]
		if s.Duration == 0 && !s.Gap {
			s.Duration = m.Target
		}
		longest = max(longest, s.Duration)
	}
	// Players poll a list by this: never in a busy loop.
	m.Target = max(m.Target, min(longest, time.Minute), time.Second)
}

// Duration is how long the segments last together.
func (m *Media) Duration() time.Duration {
	_, start := m.At(1 << 62)
	return start
}

// At returns the segment that holds a position, counted from the first one's
// start, and the position at which it starts. Past the end it returns the number
// of segments and their duration.
func (m *Media) At(position time.Duration) (index int, start time.Duration) {
	for i := range m.Segments {
		d := m.Segments[i].Duration
		if position < start+d {
			return i, start
		}
		start += d
	}
	return len(m.Segments), start
}

// Start is the position at which a segment starts.
func (m *Media) Start(index int) time.Duration {
	var start time.Duration
	for _, s := range m.Segments[:index] {
		start += s.Duration
	}
	return start
}

// Parts returns the segments that begin the parts between discontinuities, the
// first one included.
func (m *Media) Parts() []int {
	parts := []int{0}
	for i := 1; i < len(m.Segments); i++ {
		if m.Segments[i].Discontinuity {
			parts = append(parts, i)
		}
	}
	return parts
}

// Fragmented reports whether there are fragments of MP4, each part of which has a
// header and times of its own.
func (m *Media) Fragmented() bool {
	return slices.ContainsFunc(m.Segments, func(s Segment) bool { return s.Map != nil })
}

// Write returns the list of the segments from one to before another for a player
// that gets everything from us: each address is a name that Find knows, beneath the
// list's own folder. Kind is the file name extension of segments whose own is not
// known, with its dot.
func (m *Media) Write(from, to int, kind string) []byte {
	ended := m.Ended || to < len(m.Segments)
	b := make([]byte, 0, 128+32*(to-from))
	b = append(b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:"...)
	b = strconv.AppendInt(b, int64((m.Target+time.Second-1)/time.Second), 10)
	b = append(b, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	b = strconv.AppendInt(b, m.Sequence+int64(from), 10)
	b = append(b, '\n')
	switch {
	case ended:
		b = append(b, "#EXT-X-PLAYLIST-TYPE:VOD\n"...)
	case m.event:
		b = append(b, "#EXT-X-PLAYLIST-TYPE:EVENT\n"...)
	}
	var key *Key
	var initial *Map
	for i := from; i < to; i++ {
		s := &m.Segments[i]
		if s.Discontinuity && i > from {
			b = append(b, "#EXT-X-DISCONTINUITY\n"...)
		}
		// A map is encrypted with the key that is in force before it.
		if s.Map != nil && s.Map != initial {
			b = appendKey(b, key, s.Map.Key)
			b = fmt.Appendf(b, "#EXT-X-MAP:URI=\"%s\"\n", s.Map.name)
			initial, key = s.Map, s.Map.Key
		}
		b = appendKey(b, key, s.Key)
		key = s.Key
		b = append(b, "#EXTINF:"...)
		b = strconv.AppendFloat(b, s.Duration.Seconds(), 'f', 6, 64)
		b = append(b, ",\n"...)
		b = strconv.AppendInt(b, m.Sequence+int64(i), 10)
		b = append(b, s.extension(kind)...)
		b = append(b, '\n')
	}
	if ended {
		b = append(b, "#EXT-X-ENDLIST\n"...)
	}
	return b
}

// appendKey writes a key where it is another than before.
func appendKey(b []byte, before, key *Key) []byte {
	switch key {
	case before:
		return b
	case nil:
		return append(b, "#EXT-X-KEY:METHOD=NONE\n"...)
	}
	b = fmt.Appendf(b, `#EXT-X-KEY:METHOD=%s,URI="%s"`, key.Method, key.name)
	if key.IV != "" {
		b = append(append(b, ",IV="...), key.IV...)
	}
	return append(b, '\n')
}

// Find returns the thing that a written list calls by a name.
func (m *Media) Find(name string) (Resource, error) {
	number, _, _ := strings.Cut(name, ".")
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		i := n - m.Sequence
		if i < 0 || i >= int64(len(m.Segments)) {
			return Resource{}, fmt.Errorf("%w: no segment %d", ErrMalformed, n)
		}
		s := &m.Segments[i]
		if s.Gap {
			return Resource{Segment: n}, nil
		}
		u, err := Resolve(m.base, s.URI)
		return Resource{Segment: n, URL: u, Offset: s.Offset, Length: s.Length}, err
	}
	for i := range m.Segments {
		s := &m.Segments[i]
		switch {
		case s.Map != nil && s.Map.name == name:
			return m.Initial(i)
		case s.Key != nil && s.Key.name == name:
			return s.Key.resource(m.base)
		case s.Map != nil && s.Map.Key != nil && s.Map.Key.name == name:
			return s.Map.Key.resource(m.base)
		}
	}
	return Resource{}, fmt.Errorf("%w: nothing has this name", ErrMalformed)
}

// Initial returns the map of a segment that has one.
func (m *Media) Initial(i int) (Resource, error) {
	initial := m.Segments[i].Map
	u, err := Resolve(m.base, initial.URI)
	return Resource{Segment: -1, URL: u, Offset: initial.Offset, Length: initial.Length}, err
}

// KeyURL returns the address of a key that the list does not have itself.
func (m *Media) KeyURL(k *Key) (*url.URL, error) { return Resolve(m.base, k.URI) }

func (k *Key) resource(base *url.URL) (Resource, error) {
	if k.Data != nil {
		return Resource{Segment: -1, Data: k.Data}, nil
	}
	u, err := Resolve(base, k.URI)
	return Resource{Segment: -1, URL: u}, err
}

// digest makes a name, which is the same for the same thing in each version of a
// live list: players fetch a key again when its address changes.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return parts[0] + hex.EncodeToString(sum[:8])
}

// extension returns the extension that says what a segment is: ffmpeg refuses
// segments whose extension is not that of what it found in them.
func (s *Segment) extension(kind string) string {
	if s.Map != nil {
		return ".mp4"
	}
	if e := knownExtension(s.URI); e != "" {
		return e
	}
	return kind
}

// Unnamed returns the number of the first segment that has neither a map nor an
// extension that says what it is, or -1: its content has to.
func (m *Media) Unnamed() int {
	for i := range m.Segments {
		if s := &m.Segments[i]; !s.Gap && s.Map == nil && knownExtension(s.URI) == "" {
			return i
		}
	}
	return -1
}

// knownExtension returns the canonical form of an extension that says what a
// segment is, or nothing.
func knownExtension(uri string) string {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i]
	}
	switch e := strings.ToLower(path.Ext(uri)); e {
	case ".ts", ".aac", ".mp3", ".ac3", ".vtt":
		return e
	case ".m2t", ".m2ts", ".mts", ".mpegts":
		return ".ts"
	case ".eac3", ".ec3":
		return ".eac3"
	case ".mp4", ".m4s", ".m4a", ".m4v", ".cmfv", ".cmfa", ".cmf":
		return ".mp4"
	}
	return ""
}
