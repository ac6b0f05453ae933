package playlist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

func TestVariablesStandForTheirValues(t *testing.T) {
	t.Parallel()
	at := address(t, "https://h/a/b.m3u8?token=s%2F3&x=1")
	l, err := playlist.ParseHLS(lines(
		"#EXTM3U", `#EXT-X-DEFINE:NAME="host",VALUE="https://cdn.example/v"`, `#EXT-X-DEFINE:QUERYPARAM="token"`,
		"#EXT-X-STREAM-INF:BANDWIDTH=1", "{$host}/v.m3u8?t={$token}",
	), at, nil)
	require.NoError(t, err)
	require.Equal(t, "https://cdn.example/v/v.m3u8?t=s/3", l.Master.Variants[0].URI)

	l, err = playlist.ParseHLS(lines(
		"#EXTM3U", `#EXT-X-DEFINE:IMPORT="host"`, `#EXT-X-DEFINE:NAME="folder",VALUE="{$host}/f"`,
		`#EXT-X-KEY:METHOD=AES-128,URI="{$host}/k",IV=0x1`, `#EXT-X-MAP:URI="{$host}/i.mp4"`,
		"#EXTINF:1,", "{$host}/0.m4s", "#EXTINF:1,", "{$folder}/{$}/{x}.m4s",
	), at, l.Master.Variables)
	require.NoError(t, err)
	require.Equal(t, "https://cdn.example/v/0.m4s", l.Media.Segments[0].URI)
	require.Equal(t, "https://cdn.example/v/k", l.Media.Segments[0].Key.URI)
	require.Equal(t, "https://cdn.example/v/i.mp4", l.Media.Segments[0].Map.URI)
	require.Equal(t, "https://cdn.example/v/f/{$}/{x}.m4s", l.Media.Segments[1].URI)

	// Without a definition braces are a part of a name.
	l, err = playlist.ParseHLS(lines("#EXTM3U", "#EXTINF:1,", "{$host}.ts"), at, playlist.Variables{"host": "x"})
	require.NoError(t, err)
	require.Equal(t, "{$host}.ts", l.Media.Segments[0].URI)
}

func TestVariablesAreBounded(t *testing.T) {
	t.Parallel()
	define := `#EXT-X-DEFINE:NAME="a",VALUE="b"`
	many := func(line string, n int) string { return strings.Repeat(line+"\n", n) }
	for name, test := range map[string]struct {
		list  string
		want  error
		words string
	}{
		"undefined":        {define + "\n#EXTINF:1,\n{$x}.ts", playlist.ErrMalformed, `"x" is not defined`},
		"twice":            {define + "\n" + define, playlist.ErrMalformed, "twice"},
		"no import":        {`#EXT-X-DEFINE:IMPORT="a"`, playlist.ErrMalformed, `"a" has no value`},
		"no parameter":     {`#EXT-X-DEFINE:QUERYPARAM="a"`, playlist.ErrMalformed, `"a" has no value`},
		"nothing":          {`#EXT-X-DEFINE:VALUE="a"`, playlist.ErrMalformed, "cannot be read"},
		"another scheme":   {`#EXT-X-DEFINE:NAME="a",VALUE="file:///etc"` + "\n#EXTINF:1,\n{$a}/passwd", playlist.ErrRefused, `"file"`},
		"too much of them": {`#EXT-X-DEFINE:NAME="a",VALUE="` + strings.Repeat("x", 16000) + "\"\n" + many("#EXTINF:1,\n{$a}", 2000), playlist.ErrRefused, "fill more"},
		"too many": {func() (s string) {
			for i := range 1001 {
				s += fmt.Sprintf("#EXT-X-DEFINE:NAME=\"a%d\",VALUE=\"\"\n", i)
			}
			return s
		}(), playlist.ErrRefused, "variables"},
	} {
		_, err := playlist.ParseHLS([]byte("#EXTM3U\n"+test.list+"\n#EXTINF:1,\nend.ts\n"), base(t), nil)
		require.ErrorIs(t, err, test.want, name)
		require.ErrorContains(t, err, test.words, name)
	}
}
