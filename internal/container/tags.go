package container

import (
	"cmp"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Tags is what a container says of its content. The texts are as [Text] returns them.
type Tags struct {
	Title      string
	TrackTitle string // of the first track that has one
	Artist     string
	Album      string
	// Duration is the length that the container announces, or 0.
	Duration time.Duration
}

// Or returns the tags with those of another container in place of what is missing.
func (t Tags) Or(other Tags) Tags {
	return Tags{
		Title:      cmp.Or(t.Title, other.Title),
		TrackTitle: cmp.Or(t.TrackTitle, other.TrackTitle),
		Artist:     cmp.Or(t.Artist, other.Artist),
		Album:      cmp.Or(t.Album, other.Album),
		Duration:   cmp.Or(t.Duration, other.Duration),
	}
}

const (
	// maxText is longer than a title, in characters, and shorter than a message.
	maxText = 256
	// maxName is longer than the name of any tag that is read.
	maxName = 16
)

// Text makes a tag's value fit to be shown: one line of valid UTF-8 without control
// characters, of at most 256 characters.
func Text(value []byte) string {
	var b strings.Builder
	blank := false
	for count := 0; len(value) > 0 && count < maxText; {
		r, n := utf8.DecodeRune(value)
		value = value[n:]
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			blank = b.Len() > 0
			continue
		case r == utf8.RuneError && n == 1, reorders(r):
			continue
		}
		if blank {
			b.WriteByte(' ')
			count++
		}
		b.WriteRune(r)
		blank = false
		count++
	}
	return b.String()
}

// reorders reports whether a character turns the direction of the text around it, also of
// text that is not the tag's (UAX #9 section 2).
func reorders(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// set notes a tag by its name in Matroska or a Vorbis comment, unless it is there.
func (t *Tags) set(name string, value []byte) {
	var field *string
	switch strings.ToUpper(name) {
	case "TITLE":
		field = &t.Title
	case "ARTIST":
		field = &t.Artist
	case "ALBUM":
		field = &t.Album
	default:
		return
	}
	if *field == "" {
		*field = Text(value)
	}
}

// The elements of RFC 9559 that describe the content.
const (
	idTitle         = 0x7BA9
	idDuration      = 0x4489
	idTrackName     = 0x536E
	idTags          = 0x1254C367
	idTag           = 0x7373
	idTargets       = 0x63C0
	idTagEditionUID = 0x63C9
	idTagChapterUID = 0x63C4
	idTagAttachUID  = 0x63C6
	idSimpleTag     = 0x67C8
	idTagName       = 0x45A3
	idTagString     = 0x4487
)

// maxTags bounds the Tags element that is read: it may hold the words of a song, not a
// book.
const maxTags = 1 << 20

func (m *matroska) Tags() Tags { return m.tags }

// readTags reads a Tags element, unless it is too large.
func (m *matroska) readTags(size int64) error {
	if size > maxTags {
		return m.skip(size)
	}
	data, err := m.read(size, maxTags)
	if err == nil {
		m.tags.tagsElement(data)
		m.data = nil // it may be larger than any frame
	}
	return err
}

// tagsElement reads a Tags element. What is malformed in it is left out: no tag is worth
// the sound.
func (t *Tags) tagsElement(data []byte) {
	_ = children(data, func(id uint32, tag []byte) error {
		if id == idTag && ofContent(tag) {
			t.tag(tag)
		}
		return nil
	})
}

// ofContent reports whether a Tag is about the whole or a track, not about a chapter or an
// attached picture.
func ofContent(tag []byte) bool {
	ok := true
	_ = children(tag, func(id uint32, targets []byte) error {
		if id != idTargets {
			return nil
		}
		return children(targets, func(target uint32, uid []byte) error {
			switch target {
			case idTagEditionUID, idTagChapterUID, idTagAttachUID:
				ok = ok && number(uid) == 0
			}
			return nil
		})
	})
	return ok
}

func (t *Tags) tag(data []byte) {
	_ = children(data, func(id uint32, simple []byte) error {
		if id != idSimpleTag {
			return nil
		}
		var name string
		var value []byte
		err := children(simple, func(id uint32, body []byte) error {
			switch id {
			case idTagName:
				name = string(body[:min(len(body), maxName)])
			case idTagString:
				value = body
			}
			return nil
		})
		if err == nil {
			t.set(name, value)
		}
		return nil
	})
}

// duration notes the Duration of an Info element, a float of four or eight bytes that
// counts ticks of a scale.
func (t *Tags) duration(body []byte, scale time.Duration) {
	var ticks float64
	switch len(body) {
	case 4:
		ticks = float64(math.Float32frombits(uint32(number(body))))
	case 8:
		ticks = math.Float64frombits(number(body))
	}
	if d := ticks * float64(scale); d > 0 && d <= float64(MaxPTS) {
		t.Duration = time.Duration(d)
	}
}
