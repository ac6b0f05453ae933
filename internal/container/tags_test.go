package container

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func requireText(t *testing.T, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s))
	require.LessOrEqual(t, utf8.RuneCountInString(s), maxText+1)
	require.Equal(t, strings.TrimSpace(s), s)
	require.NotContains(t, s, "  ")
	require.False(t, strings.ContainsFunc(s, unicode.IsControl))
}

func TestTextIsFitToBeShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", " \n": "", "a": "a", "a\x00b": "a b", "\x1b[31mred": "[31mred", "a\r\n\t\u2028b ": "a b", "\xff\xfe": "", "a\xc3": "a",
		"\u202eevil": "evil", "👩\u200d👧": "👩\u200d👧", "\ufffd": "\ufffd",
		strings.Repeat("😀", 4096):    strings.Repeat("😀", maxText),
		strings.Repeat("a \n", 4096): strings.Repeat("a ", maxText/2-1) + "a a",
	} {
		require.Equal(t, want, Text([]byte(in)), "%.20q", in)
		requireText(t, Text([]byte(in)))
	}
}

// FuzzTags: what is read from anything is fit to be shown.
func FuzzTags(f *testing.F) {
	f.Add([]byte("OpusTags\x03\x00\x00\x00abc\x02\x00\x00\x00\x07\x00\x00\x00title=x\x09\x00\x00\x00ARTIST=\xff\n"))
	f.Add([]byte("OpusTags\xff\xff\xff\xffabc"))
	f.Add(makeElement(idTag,
		makeElement(idTargets, makeElement(idTagChapterUID, []byte{0})),
		makeElement(idSimpleTag, makeElement(idTagName, []byte("ARTIST")), makeElement(idTagString, []byte("a\nb"))),
		makeElement(idSimpleTag, makeElement(idTagName, []byte("ALBUM")), makeElement(idTagString, []byte("\u202ec"))),
	))
	f.Add(makeElement(idTag, makeElement(idTargets, makeElement(idTagChapterUID, []byte{1})), []byte{0x67}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var matroska Tags
		matroska.tagsElement(data)
		for _, tags := range []Tags{matroska, opusTags(data), opusTags(append([]byte("OpusTags"), data...))} {
			requireText(t, tags.Title)
			requireText(t, tags.Artist)
			requireText(t, tags.Album)
		}
	})
}

func TestTagsOfAChapterAreNotTheSource(t *testing.T) {
	t.Parallel()
	tag := func(target byte, title string) []byte {
		return makeElement(idTag, makeElement(idTargets, makeElement(idTagChapterUID, []byte{target})),
			makeElement(idSimpleTag, makeElement(idTagName, []byte("TITLE")), makeElement(idTagString, []byte(title))))
	}
	var tags Tags
	tags.tagsElement(append(tag(7, "Chapter"), tag(0, "Film")...))
	require.Equal(t, Tags{Title: "Film"}, tags)
}
