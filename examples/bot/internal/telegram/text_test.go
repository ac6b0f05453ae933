package telegram_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

func TestEntitiesCountUTF16(t *testing.T) {
	t.Parallel()
	var text telegram.Text
	text.Add("🎵 ").Title("<b>x</b> 😀", "https://example.org/").Add(" — ").Mark(telegram.Code, "y")
	m := text.Message()

	require.Equal(t, "🎵 <b>x</b> 😀 — y", m.Text)
	require.Equal(t, []telegram.Entity{
		{Kind: telegram.Bold, Offset: 3, Length: 11},
		{Kind: telegram.Link, Offset: 3, Length: 11, URL: "https://example.org/"},
		{Kind: telegram.Code, Offset: 17, Length: 1},
	}, m.Entities)
	require.Equal(t, len(utf16.Encode([]rune(m.Text))), text.Len())
}

func TestEmptyTextHasNoEntity(t *testing.T) {
	t.Parallel()
	var text telegram.Text
	text.Mark(telegram.Bold, "").Title("", "https://example.org/")
	require.Empty(t, text.Message().Entities)
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\uFFFDb", telegram.Plain("a\xff\xfeb").Text)
}

func TestClean(t *testing.T) {
	t.Parallel()
	family := "👨🏽\u200D👩🏽\u200D👧🏽\u200D👦🏽"
	for name, c := range map[string]struct{ in, want string }{
		"plain":               {"Song", "Song"},
		"markup stays":        {`"<b>&#34;`, `"<b>&#34;`},
		"one line":            {" a\r\n\n b\tc\u2028d\u00A0e ", "a b c d e"},
		"zero bytes":          {"a\x00b\x1b[31m\x7fc", "ab[31mc"},
		"overrides":           {"\u202Egpj.exe\u2066x\u2069\u200F", "gpj.exex"},
		"invisible":           {"\u200B\uFEFF\u00AD\u3164\u2800", ""},
		"joiners alone":       {"\u200D\u200C \u200D", ""},
		"invalid":             {"a\xc3\x28b", "a(b"},
		"joiners in a word":   {"می\u200Cخواهم", "می\u200Cخواهم"},
		"exactly the limit":   {strings.Repeat("x", 10), strings.Repeat("x", 10)},
		"cut":                 {strings.Repeat("x", 11), strings.Repeat("x", 10) + "…"},
		"cut after a blank":   {"123456789 1", "123456789 1"[:9] + "…"},
		"flags are whole":     {strings.Repeat("🇩🇪", 4), strings.Repeat("🇩🇪", 4)},
		"emoji joined":        {family, family},
		"marks count as none": {"é̂́x", "é̂́x"},
		"too many marks":      {"a" + strings.Repeat("\u0301", 400) + "b", "a" + strings.Repeat("\u0301", 11) + "b"},
		"too wide":            {strings.Repeat(family, 10), family + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, telegram.Clean(c.in, 10))
		})
	}
}

func TestTwentyTitlesFitAMessage(t *testing.T) {
	t.Parallel()
	worst := telegram.Clean(strings.Repeat("👨🏽\u200D👩🏽\u200D👧🏽\u200D👦🏽", 4096), telegram.MaxTitle)
	require.LessOrEqual(t, 20*telegram.Units(worst), telegram.MaxText)
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\u0301", "🇩🇪🇩", "\u202Ex\u200D", "\xff\xfe", strings.Repeat("a ", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := telegram.Clean(s, telegram.MaxTitle)
		if strings.ContainsAny(got, "\n\r\x00\u202E\u2028") || got != strings.TrimSpace(got) {
			t.Errorf("not one clean line: %q", got)
		}
		if n := telegram.Units(got); n > 3*telegram.MaxTitle+1 {
			t.Errorf("%d units", n)
		}
		if again := telegram.Clean(got, telegram.MaxTitle+1); again != got {
			t.Errorf("cleaning %q again gives %q", got, again)
		}
	})
}
