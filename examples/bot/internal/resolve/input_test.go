package resolve

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// refused are texts that are neither searched for nor fetched, whatever is installed.
var refused = []string{
	"", " \n", "/etc/passwd", "//etc/passwd", "./x", "../x", "~/x", "~root", ".", "-", "-help", "--exec=touch /tmp/x", "-x y",
	`\\host\share`, `C:\x`, `c:/x`,
	"file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file:x", "ftp://example.com/x", "rtmp://example.com/x",
	"rtsp://example.com/x", "srt://example.com:80", "udp://@239.0.0.1:1234", "a file:///etc/passwd", "gopher://x/", "javascript:alert(1)",
	"concat:/etc/passwd|/etc/hosts", "subfile,,start,0,end,9,,:/etc/passwd", "data:text/plain;base64,AAAA", "pipe:0", "crypto:x", "tcp:x",
	"cache:http://x/", "async:x", "unix:/run/x", "fd:3", "lavfi:sine",
	"ytsearchall:x", "ytsearch99:x", "scsearch:x", "gvsearch2:x", "YTSEARCH:x",
	"a\x00b", "a\nb", "a\tb", "\x1b[31mred", "bad \xff\xfe utf-8", "http://example.com/a\nb", "http://example.com/\x00",
	"http://", "https://", "http:///x", "http://?", "http:/example.com", "https:example.com", "http:example.com", "http://:80/", "http://example.com:/",
	"http://example.com:port/", "http://example.com:99999999999/",
	"http://user@example.com/", "http://user:word@example.com/", "http://example.com@127.0.0.1/", "http://example.com\\@127.0.0.1/",
	"http://a b.example/", "http://example.com/a b", "https://example.com/x more words",
	"http://0x7f000001/", "http://0x7f.1/", "http://2130706433/", "http://017700000001/", "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1./",
	"http://0x/", "http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://127。0。0。1/", "http://٣.example/", "http://%31%32%37.0.0.1/",
	"http://[::1/", "http://[1.2.3.4]/", "http://[zz]/",
	"https://example.com/#__youtubedl_smuggle=%7B%7D",
	"http://example.com/" + strings.Repeat("a", maxAddress), strings.Repeat("a", maxText+1),
}

func TestRefusedTexts(t *testing.T) {
	t.Parallel()
	for _, text := range refused {
		_, err := parse(text)
		var refusal *track.Refusal
		require.ErrorAs(t, err, &refusal, "%q", text)
		require.NotEmpty(t, refusal.Words, "%q", text)
		if len(text) > 8 {
			require.NotContains(t, refusal.Words, text)
		}
	}
}

func TestWordsAreSearchedFor(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"never gonna give you up", "AC/DC", "Beethoven: Symphony 5", "re:zero opening", "files: the movie", "data", "file", "search", "a-ha take on me",
		"why?", "99 Luftballons", "Это песня", "音楽", "$(touch /tmp/x)", "`id`", "; rm -rf /", "a | b", "%(title)s", "research", "ac.dc", "1/2", "127.0.0.1/x", "0x7f.1/",
	} {
		in, err := parse("  " + text + " ")
		require.NoError(t, err, text)
		require.Equal(t, input{words: text}, in)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://example.com":                "http://example.com",
		"HTTPS://EXAMPLE.com/A?b=c":         "https://example.com/A?b=c",
		"https://example.com:8443/x":        "https://example.com:8443/x",
		"http://1.1.1.1/x":                  "http://1.1.1.1/x",
		"http://[2606:4700::1]/x":           "http://[2606:4700::1]/x",
		"youtu.be/abc":                      "https://youtu.be/abc",
		"www.youtube.com/watch?v=1":         "https://www.youtube.com/watch?v=1",
		"https://music.example/#/song?id=1": "https://music.example/#/song?id=1",
		"https://bücher.example/ä":          "https://bücher.example/%C3%A4",
		"https://example.com/$(x)'\"`;|&":   "https://example.com/$%28x%29%27%22%60;%7C&",
		"https://example.com/a%0Ab":         "https://example.com/a%0Ab",
		"http://127.0.0.1/":                 "http://127.0.0.1/", // refused when its host is looked at
	} {
		in, err := parse(text)
		require.NoError(t, err, text)
		require.NotNil(t, in.address, text)
		require.Equal(t, want, written(in.address), text)
	}
}

func TestNamesOfTheLibrary(t *testing.T) {
	t.Parallel()
	in, err := parse("library: jazz/a.mp3")
	require.NoError(t, err)
	require.Equal(t, input{name: "jazz/a.mp3"}, in)
}

func FuzzParse(f *testing.F) {
	for _, text := range refused {
		f.Add(text)
	}
	for _, text := range []string{"a song", "http://example.com/x", "library:x", "youtu.be/abc", "https://[::1]:80/", "http://a.b:80/c?d#e"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := parse(text)
		if err != nil {
			var refusal *track.Refusal
			require.ErrorAs(t, err, &refusal)
			return
		}
		require.False(t, strings.ContainsFunc(in.words+in.name, unicode.IsControl))
		switch {
		case in.address != nil:
			s := written(in.address)
			require.Regexp(t, `^https?://[^/]`, s)
			require.False(t, strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), s)
			require.Nil(t, in.address.User)
			again, err := parseAddress(s)
			require.NoError(t, err, s)
			require.Equal(t, s, written(again))
		case in.words != "":
			require.NotContains(t, in.words, "://")
			require.NotContains(t, `/.~-\`, in.words[:1])
		}
	})
}
