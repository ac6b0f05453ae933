package telegram

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text    string
		command, rest string
		ok            bool
	}{
		{name: "alone", text: "/play", command: "play", ok: true},
		{name: "words", text: "/play  never gonna ", command: "play", rest: "never gonna", ok: true},
		{name: "a newline ends it", text: "/play\nnever\ngonna", command: "play", rest: "never\ngonna", ok: true},
		{name: "any blank ends it", text: "/play\u00a0x", command: "play", rest: "x", ok: true},
		{name: "addressed", text: "/Play@MusicBot x", command: "play", rest: "x", ok: true},
		{name: "addressed in another case", text: "/play@musicbot", command: "play", ok: true},
		{name: "addressed and a newline", text: "/play@MusicBot\nx", command: "play", rest: "x", ok: true},
		{name: "another bot's", text: "/play@OtherBot x"},
		{name: "nobody's", text: "/play@ x"},
		{name: "a second name", text: "/play@Collected", command: "play", ok: true},
		{name: "no slash", text: "play x"},
		{name: "not at the start", text: " /play"},
		{name: "a slash alone", text: "/ play"},
		{name: "a path", text: "/etc/passwd"},
		{name: "a comment", text: "//play"},
		{name: "nothing", text: ""},
		{name: "an address", text: "/play https://a.example/@MusicBot", command: "play", rest: "https://a.example/@MusicBot", ok: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command, rest, ok := ParseCommand(c.text, "MusicBot", "", "Collected")
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.command, command)
			require.Equal(t, c.rest, rest)
		})
	}
	_, _, ok := ParseCommand("/play@", "")
	require.False(t, ok, "an account without a username has no name")
}
