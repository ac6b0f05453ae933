package telegram

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTitle is how many characters of a title are shown, as a reader counts them.
const MaxTitle = 64

// maxUnits bounds a cleaned text in UTF-16 code units per character, so that twenty
// titles fit a message whatever they are made of.
const maxUnits = 3

// Clean makes a text that somebody else wrote fit to be shown in a line: controls,
// bidirectional overrides and other invisible characters are removed, every kind of
// blank becomes one space, and what is longer than limit characters is cut and ends in
// "…". The result may be empty.
func Clean(s string, limit int) string {
	var b strings.Builder
	shown, units := 0, 0
	for cluster := range clusters(oneLine(s)) {
		units += Units(cluster)
		if shown++; shown > limit || units > limit*maxUnits {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		b.WriteString(cluster)
	}
	return strings.TrimRight(b.String(), " ")
}

// oneLine returns s with single spaces and without invisible characters.
func oneLine(s string) string {
	var b strings.Builder
	blank := true // nothing but blanks so far, or just after one
	for _, r := range s {
		switch {
		case r == utf8.RuneError || invisible(r) || blank && joiner(r):
		case unicode.IsSpace(r):
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
		default:
			b.WriteRune(r)
			blank = false
		}
	}
	return b.String()
}

// invisible reports characters that show nothing or change the order of others, but for
// the joiners of emoji and of scripts.
func invisible(r rune) bool {
	switch {
	case joiner(r), tag(r), unicode.IsSpace(r):
		return false
	case r == '\u3164', r == '\u115F', r == '\u1160', r == '\uFFA0', r == '\u2800': // fillers, the empty Braille cell
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) ||
		!unicode.IsPrint(r) && !unicode.IsMark(r)
}

const (
	zeroWidthNonJoiner = '\u200C'
	zeroWidthJoiner    = '\u200D'
)

func joiner(r rune) bool { return r == zeroWidthJoiner || r == zeroWidthNonJoiner }

// tag reports the characters that spell the flags of England, Scotland and Wales.
func tag(r rune) bool { return r >= 0xE0020 && r <= 0xE007F }

// maxCluster is how many runes a character may have: a family of four with skin tones
// has 11. More are marks piled on each other, which are dropped.
const maxCluster = 12

// clusters yields the characters of a text as a reader counts them, roughly by Unicode's
// rules for grapheme clusters (UAX #29): marks, joined emoji, skin tones, flags.
func clusters(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var cluster []rune
		flag := false // the cluster is the first half of a flag
		for _, r := range s {
			half := r >= 0x1F1E6 && r <= 0x1F1FF
			if len(cluster) > 0 && (extends(r, cluster[len(cluster)-1]) || flag && half) {
				if len(cluster) < maxCluster {
					cluster = append(cluster, r)
				}
				flag = false
				continue
			}
			if len(cluster) > 0 && !yield(string(cluster)) {
				return
			}
			cluster, flag = append(cluster[:0], r), half
		}
		if len(cluster) > 0 {
			yield(string(cluster))
		}
	}
}

// extends reports whether r belongs to the character that ended with last.
func extends(r, last rune) bool {
	return unicode.IsMark(r) || joiner(r) || tag(r) ||
		r >= 0x1F3FB && r <= 0x1F3FF || last == zeroWidthJoiner
}
