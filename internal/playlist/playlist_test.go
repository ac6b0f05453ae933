package playlist_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

func lines(l ...string) []byte { return []byte(strings.Join(l, "\n") + "\n") }

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

func base(t testing.TB) *url.URL {
	return address(t, "https://user:pass@host.example/a/b/list.m3u8?token=s3cret")
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		head string
		want playlist.Kind
	}{
		{"#EXTM3U\n#EXT-X-TARGETDURATION:3\n", playlist.HLS},
		{"\xef\xbb\xbf#EXTM3U\r\n# comment\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nx", playlist.HLS},
		{"#EXTM3U\n#EXTINF:-1,Radio\nhttp://x/y\n", playlist.Links},
		{"http://x/y\nhttp://x/z\n", playlist.Links},
		{"\n [Playlist]\nFile1=http://x/\n", playlist.Links},
		{"[PLAYLIST]", playlist.Links},
		{`<?xml version="1.0"?><!-- <x> --><MPD type="static">`, playlist.DASH},
		{"<MPD\n xmlns='x'>", playlist.DASH},
		{"<m:MPD xmlns:m='x'>", playlist.DASH},
		{"<html><MPD>", playlist.None},
		{"<?xml version='1.0'?><svg/>", playlist.None},
		{"<?xml", playlist.None},
		{"ID3\x03 #EXTM3U", playlist.None},
		{"#EXT", playlist.None},
		{"", playlist.None},
	} {
		require.Equal(t, test.want, playlist.Detect([]byte(test.head)), "%q", test.head)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ref, want string
		err       error
	}{
		{"x.ts", "https://user:pass@host.example/a/b/x.ts", nil},
		{"../../../../x.ts?y=1#z", "https://user:pass@host.example/x.ts?y=1", nil},
		{"/x", "https://user:pass@host.example/x", nil},
		{"?q", "https://user:pass@host.example/a/b/list.m3u8?q", nil},
		{"//cdn.example/x", "https://cdn.example/x", nil},
		{"HTTP://cdn.example:81/x", "http://cdn.example:81/x", nil},
		{" a b%zz%41%.ts ", "https://user:pass@host.example/a/b/a%20b%25zz%41%25.ts", nil},
		{"12:30.ts", "https://user:pass@host.example/a/b/12:30.ts", nil},
		{"", "", playlist.ErrMalformed},
		{"a\x00b", "", playlist.ErrMalformed},
		{"http://", "", playlist.ErrMalformed},
		{"http:///x", "", playlist.ErrMalformed},
		{"http:x", "", playlist.ErrMalformed},
		{"http://[::1", "", playlist.ErrMalformed},
		{strings.Repeat("x", 1<<15), "", playlist.ErrMalformed},
		{"file:///etc/passwd", "", playlist.ErrRefused},
		{"FILE:x", "", playlist.ErrRefused},
		{"concat:a|b", "", playlist.ErrRefused},
		{"subfile,,start,0,end,9,,:/etc/passwd", "", playlist.ErrRefused},
		{"data:audio/mp3;base64,AAAA", "", playlist.ErrRefused},
		{"crypto:http://x/y", "", playlist.ErrRefused},
		{"hls+http://x/y", "", playlist.ErrRefused},
		{"udp://239.0.0.1:1", "", playlist.ErrRefused},
		{`C:\music\a.mp3`, "", playlist.ErrRefused},
	} {
		u, err := playlist.Resolve(base(t), test.ref)
		require.ErrorIs(t, err, test.err, "%q", test.ref)
		if test.err == nil {
			require.NoError(t, err, "%q", test.ref)
			require.Equal(t, test.want, u.String())
		} else {
			require.NotContains(t, err.Error(), "passwd")
		}
	}
}

func TestLinksAreTheAddressesOfARadioList(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, list string
		want       []string
		err        error
	}{
		{"m3u", "#EXTM3U\r\n#EXTINF:-1,Radio\r\nhttp://a/1\r\n\r\nC:\\x.mp3\r\nfile:///x\r\n/mp3?x=1\r\n", []string{"http://a/1", "https://host.example/mp3?x=1"}, nil},
		{"pls", "[playlist]\nNumberOfEntries=2\nFile1=http://a/1\nTitle1=http://no/\nfile2 = http://a/2\nLength1=-1\nVersion=2\n", []string{"http://a/1", "http://a/2"}, nil},
		{"old Mac", "http://a/1\rhttp://a/2\r", []string{"http://a/1", "http://a/2"}, nil},
		{"ten at most", strings.Repeat("http://a/1\n", 99), slicesRepeat("http://a/1", 10), nil},
		{"files only", "#EXTM3U\nfile:///etc/passwd\n", nil, playlist.ErrRefused},
		{"nothing", "#EXTM3U\n", nil, playlist.ErrMalformed},
		{"pls of nothing", "[playlist]\nNumberOfEntries=0\n", nil, playlist.ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			links, err := playlist.ParseLinks([]byte(test.list), address(t, "https://host.example/a/b.m3u"))
			require.ErrorIs(t, err, test.err)
			var got []string
			for _, l := range links {
				got = append(got, l.String())
			}
			require.Equal(t, test.want, got)
		})
	}
}

func slicesRepeat(s string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(s+" ", n), " "), " ")
}

func choose(t *testing.T, b playlist.Bounds, list ...string) (main, sound string) {
	t.Helper()
	l, err := playlist.ParseHLS(lines(append([]string{"#EXTM3U"}, list...)...), address(t, "http://h/m.m3u8"), nil)
	require.NoError(t, err)
	require.NotNil(t, l.Master)
	c, err := l.Master.Choose(b, address(t, "http://h/m.m3u8"))
	require.NoError(t, err)
	if c.Sound != nil {
		sound = strings.TrimPrefix(c.Sound.String(), "http://h/")
	}
	return strings.TrimPrefix(c.Main.String(), "http://h/"), sound
}

func TestChoiceOfAVariant(t *testing.T) {
	t.Parallel()
	picture := func(w, h int) playlist.Bounds { return playlist.Bounds{Picture: true, Width: w, Height: h, FPS: 30} }
	variant := func(attributes, uri string) []string { return []string{"#EXT-X-STREAM-INF:" + attributes, uri} }
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	sizes := join(
		variant("BANDWIDTH=300000,RESOLUTION=160x120", "s"), variant("BANDWIDTH=900000,RESOLUTION=640x480", "m"),
		variant("BANDWIDTH=700000,RESOLUTION=640x480", "m-"), variant("BANDWIDTH=5000000,RESOLUTION=1920x1080", "l"),
	)
	separate := join(
		[]string{
			`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="sub",NAME="x",URI="sub"`,
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="en",LANGUAGE="en",AUTOSELECT=YES,URI="lo-en"`,
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="de, \n",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,URI="lo-de"`,
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="en",AUTOSELECT=YES,CHANNELS="2",URI="hi-en"`,
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="de",AUTOSELECT=YES,CHANNELS="2",URI="hi-de"`,
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="six",NAME="en",AUTOSELECT=YES,CHANNELS="6/JOC",URI="six"`,
			`#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720,URI="iframes"`,
		},
		variant(`BANDWIDTH=100,CODECS="avc1.4d,mp4a.40.2",RESOLUTION=320x240,AUDIO="lo",SUBTITLES="sub"`, "s"),
		variant(`BANDWIDTH=200,CODECS="avc1.4d,mp4a.40.2",RESOLUTION=640x480,AUDIO="hi"`, "m"),
		variant(`BANDWIDTH=900,CODECS="avc1.4d,ec-3",RESOLUTION=1920x1080,AUDIO="six"`, "l"),
		variant(`BANDWIDTH=64,CODECS="mp4a.40.5"`, "sound"),
	)
	inside := join(
		[]string{`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES`, `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="fr",URI="fr"`},
		variant(`BANDWIDTH=300,RESOLUTION=640x480,AUDIO="a"`, "m"), variant(`BANDWIDTH=100,RESOLUTION=320x240,AUDIO="a"`, "s"),
		variant(`BANDWIDTH=10,RESOLUTION=32x24,CODECS="avc1.42"`, "silent"),
	)
	for _, test := range []struct {
		name        string
		bounds      playlist.Bounds
		list        []string
		main, sound string
	}{
		{"the largest inside", picture(1280, 720), sizes, "m", ""},
		{"just inside", picture(1920, 1080), sizes, "l", ""},
		{"none inside", picture(100, 100), sizes, "s", ""},
		{"sound alone has the fewest bytes", playlist.Bounds{}, sizes, "s", ""},
		{"separate sound, its default", picture(320, 240), separate, "s", "lo-de"},
		{"separate sound, the first", picture(1280, 720), separate, "m", "hi-en"},
		{"separate sound alone, of the best, in stereo", playlist.Bounds{}, separate, "hi-en", ""},
		{"sound inside", picture(1280, 720), inside, "m", ""},
		{"sound alone that is inside", playlist.Bounds{}, inside, "s", ""},
		{"nothing said: what the bounds carry", picture(1280, 720), join(variant("BANDWIDTH=1000", "a"), variant("BANDWIDTH=3000000", "b"), variant("BANDWIDTH=9000000", "c")), "b", ""},
		{"nothing said at all", picture(1280, 720), join(variant("", "a"), variant("", "b")), "a", ""},
		{"a picture rather than sound", picture(10, 10), join(variant(`BANDWIDTH=9,CODECS="mp4a.40.2"`, "a"), variant(`BANDWIDTH=99,CODECS="mp4a.40.2,avc1.4d"`, "b")), "b", ""},
		{"sound where nothing else is", picture(640, 480), join(variant(`BANDWIDTH=9,CODECS="mp4a.40.2"`, "a")), "a", ""},
		{"the rate asked for", picture(1280, 720), join(
			variant("BANDWIDTH=9,RESOLUTION=1280x720,FRAME-RATE=59.94", "fast"), variant("BANDWIDTH=5,RESOLUTION=1280x720,FRAME-RATE=29.97", "right"),
			variant("BANDWIDTH=4,RESOLUTION=1280x720,FRAME-RATE=15", "slow")), "right", ""},
		{"too fast rather than too small", picture(1280, 720), join(
			variant("BANDWIDTH=9,RESOLUTION=1280x720,FRAME-RATE=60", "fast"), variant("BANDWIDTH=5,RESOLUTION=854x480,FRAME-RATE=30", "small")), "fast", ""},
		{"no PQ where there is something else", picture(1280, 720), join(
			variant("BANDWIDTH=9,RESOLUTION=1280x720,VIDEO-RANGE=PQ", "pq"), variant("BANDWIDTH=5,RESOLUTION=640x360,VIDEO-RANGE=SDR", "sdr")), "sdr", ""},
		{"a strange variant that is not chosen", picture(640, 480), join(variant("RESOLUTION=9x9", "file:///x"), variant("RESOLUTION=640x480", "m")), "m", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			main, sound := choose(t, test.bounds, test.list...)
			require.Equal(t, test.main, main)
			require.Equal(t, test.sound, sound)
		})
	}
}

func media(t testing.TB, list ...string) *playlist.Media {
	t.Helper()
	l, err := playlist.ParseHLS(lines(append([]string{"#EXTM3U"}, list...)...), base(t), nil)
	require.NoError(t, err)
	require.NotNil(t, l.Media)
	return l.Media
}

func TestWrittenListHasNamesOfOurs(t *testing.T) {
	t.Parallel()
	m := media(
		t,
		"#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:70", "#EXT-X-UNKNOWN:1", "#EXT-X-PROGRAM-DATE-TIME:x",
		"#EXT-X-DISCONTINUITY",
		"#EXTINF:3.5,title", "https://cdn.example/x.ts?token=s3cret",
		`#EXT-X-KEY:METHOD=AES-128,URI="key?token=s3cret",IV=0x01`,
		`#EXT-X-MAP:URI="init",BYTERANGE="10@5"`,
		"#EXTINF:4,", "#EXT-X-BYTERANGE:100@20", "m",
		"#EXTINF:4,", "#EXT-X-BYTERANGE:50", "m",
		"#EXT-X-KEY:METHOD=NONE", "#EXT-X-DISCONTINUITY", "#EXT-X-GAP", "#EXTINF:2,", "gap",
		"#EXT-X-ENDLIST",
	)
	require.Equal(t, string(lines(
		"#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:70", "#EXT-X-PLAYLIST-TYPE:VOD",
		"#EXTINF:3.500000,", "70.ts",
		`#EXT-X-KEY:METHOD=AES-128,URI="key9aa3e36f51b712fa.key",IV=0x01`,
		`#EXT-X-MAP:URI="mapaa71af1c773963bd.mp4"`,
		"#EXTINF:4.000000,", "71.mp4", "#EXTINF:4.000000,", "72.mp4",
		"#EXT-X-DISCONTINUITY", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:2.000000,", "73.mp4", "#EXT-X-ENDLIST",
	)), string(m.Write(0, len(m.Segments), ".ts")))
	require.Equal(t, string(lines(
		"#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:72", "#EXT-X-PLAYLIST-TYPE:VOD",
		`#EXT-X-KEY:METHOD=AES-128,URI="key9aa3e36f51b712fa.key",IV=0x01`,
		`#EXT-X-MAP:URI="mapaa71af1c773963bd.mp4"`,
		"#EXTINF:4.000000,", "72.mp4",
		"#EXT-X-DISCONTINUITY", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:2.000000,", "73.mp4", "#EXT-X-ENDLIST",
	)), string(m.Write(2, len(m.Segments), ".ts")))

	const server = "https://user:pass@host.example/a/b/"
	for name, want := range map[string]playlist.Resource{
		"70.ts":                   {Segment: 70, URL: address(t, "https://cdn.example/x.ts?token=s3cret")},
		"71.mp4":                  {Segment: 71, URL: address(t, server+"m"), Offset: 20, Length: 100},
		"72.mp4":                  {Segment: 72, URL: address(t, server+"m"), Offset: 120, Length: 50},
		"73.mp4":                  {Segment: 73},
		"key9aa3e36f51b712fa.key": {Segment: -1, URL: address(t, server+"key?token=s3cret")},
		"mapaa71af1c773963bd.mp4": {Segment: -1, URL: address(t, server+"init"), Offset: 5, Length: 10},
	} {
		r, err := m.Find(name)
		require.NoError(t, err)
		require.Equal(t, want, r)
	}
	for _, name := range []string{"", "69.ts", "74.ts", "-1", "9223372036854775807", "key.key", "../70.ts"} {
		_, err := m.Find(name)
		require.ErrorIs(t, err, playlist.ErrMalformed, name)
	}
}

func TestPositionsInAList(t *testing.T) {
	t.Parallel()
	m := media(t, "#EXT-X-TARGETDURATION:12", "#EXTINF:12,", "a", "#EXTINF:11.5,", "b", "c", "#EXT-X-PLAYLIST-TYPE:VOD")
	require.True(t, m.Ended)
	require.Equal(t, 35500*time.Millisecond, m.Duration())
	for _, test := range []struct {
		at    time.Duration
		index int
		start time.Duration
	}{
		{0, 0, 0},
		{11999 * time.Millisecond, 0, 0},
		{12 * time.Second, 1, 12 * time.Second},
		{30 * time.Second, 2, 23500 * time.Millisecond},
		{time.Hour, 3, 35500 * time.Millisecond},
	} {
		index, start := m.At(test.at)
		require.Equal(t, test.index, index)
		require.Equal(t, test.start, start)
	}
}

func TestKindOfASegment(t *testing.T) {
	t.Parallel()
	m := media(t, "#EXTINF:1,", "a.M2TS?x=.mp4", "#EXTINF:1,", "b.m4s", "#EXTINF:1,", "c.php?x=1.ts", "#EXTINF:1,", "d.jpg", `#EXT-X-MAP:URI="i"`, "#EXTINF:1,", "e.html")
	require.Equal(t, 2, m.Unnamed())
	require.Contains(t, string(m.Write(0, len(m.Segments), ".aac")), "0.ts\n#EXTINF:1.000000,\n1.mp4\n#EXTINF:1.000000,\n2.aac\n#EXTINF:1.000000,\n3.aac\n")
	require.Contains(t, string(m.Write(0, len(m.Segments), "")), "\n4.mp4\n")
	for head, want := range map[string]string{
		"": "", "<html>": "",
		"\x47" + strings.Repeat("\x00", 187) + "\x47":              ".ts",
		"\x00\x00\x00\x18ftypmp42":                                 ".mp4",
		"\x00\x00\x00\x18stypmsdh":                                 ".mp4",
		"\xff\xf1\x50":                                             ".aac",
		"\xff\xfb\x90":                                             ".mp3",
		"\x0b\x77\x00\x00\x00\x40":                                 ".ac3",
		"\x0b\x77\x00\x00\x00\x80":                                 ".eac3",
		"\xef\xbb\xbfWEBVTT\n":                                     ".vtt",
		"ID3\x04\x00\x00\x00\x00\x00\x02xx\xff\xf1":                ".aac",
		"ID3\x04\x00\x00\x00\x00\x00\x02xx\xff\xfb":                ".mp3",
		"ID3\x04\x00\x00\x00\x00\x01\x00" + strings.Repeat("x", 9): ".aac",
	} {
		require.Equal(t, want, playlist.SegmentKind([]byte(head)), "%q", head)
	}
}

func TestBadListsAreRefusedInWords(t *testing.T) {
	t.Parallel()
	segment := []string{"#EXTINF:1,", "x.ts"}
	for name, test := range map[string]struct {
		list  []string
		err   error
		words string
	}{
		"empty":           {nil, playlist.ErrMalformed, "no segments"},
		"both":            {append([]string{"#EXT-X-STREAM-INF:BANDWIDTH=1", "v"}, segment...), playlist.ErrMalformed, "both"},
		"file":            {[]string{"#EXTINF:1,", "file:///etc/passwd"}, playlist.ErrRefused, `"file"`},
		"data":            {[]string{"#EXTINF:1,", "data:video/mp2t;base64,R0BB"}, playlist.ErrRefused, `"data"`},
		"map":             {append([]string{`#EXT-X-MAP:URI="concat:a|b"`}, segment...), playlist.ErrRefused, `"concat"`},
		"map of nothing":  {append([]string{"#EXT-X-MAP:BYTERANGE=1"}, segment...), playlist.ErrMalformed, "EXT-X-MAP"},
		"key":             {append([]string{`#EXT-X-KEY:METHOD=AES-128,URI="file:///x"`}, segment...), playlist.ErrRefused, `"file"`},
		"key of nothing":  {append([]string{"#EXT-X-KEY:METHOD=AES-128"}, segment...), playlist.ErrMalformed, "EXT-X-KEY"},
		"vector":          {append([]string{`#EXT-X-KEY:METHOD=AES-128,URI="k",IV="0x1,URI=x"`}, segment...), playlist.ErrMalformed, "vector"},
		"fairplay":        {append([]string{`#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"`}, segment...), playlist.ErrEncrypted, "com.apple"},
		"skd":             {append([]string{`#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x"`}, segment...), playlist.ErrEncrypted, "skd"},
		"cenc":            {append([]string{`#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="k"`}, segment...), playlist.ErrEncrypted, "SAMPLE-AES-CTR"},
		"range":           {append([]string{"#EXT-X-BYTERANGE:x"}, segment...), playlist.ErrMalformed, "range"},
		"negative number": {append([]string{"#EXT-X-MEDIA-SEQUENCE:-1"}, segment...), playlist.ErrMalformed, "number"},
		"many variants":   {strings.Split(strings.Repeat("#EXT-X-STREAM-INF:BANDWIDTH=1 v ", 1001), " "), playlist.ErrRefused, "variants"},
		"many renditions": {strings.Split(strings.Repeat(`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a" `, 1001), " "), playlist.ErrRefused, "renditions"},
		"many segments":   {strings.Split(strings.Repeat("x ", 400_001), " "), playlist.ErrRefused, "segments"},
	} {
		_, err := playlist.ParseHLS(lines(append([]string{"#EXTM3U"}, test.list...)...), base(t), nil)
		require.ErrorIs(t, err, test.err, name)
		require.ErrorContains(t, err, test.words, name)
	}
	_, err := playlist.ParseHLS([]byte("<html>"), base(t), nil)
	require.ErrorIs(t, err, playlist.ErrMalformed)
}

func TestKeyOfALine(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{
		"base64":  "data:text/plain;base64,AAECAwQFBgcICQoLDA0ODw==",
		"escaped": "data:,%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f",
	} {
		m := media(t, `#EXT-X-KEY:METHOD=AES-128,URI="`+uri+`"`,
			`#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"`, "#EXTINF:1,", "x.ts")
		key := m.Segments[0].Key
		require.Len(t, key.Data, 16, name)
		_, name, _ := strings.Cut(string(m.Write(0, len(m.Segments), "")), `URI="`)
		name, _, _ = strings.Cut(name, `"`)
		r, err := m.Find(name)
		require.NoError(t, err)
		require.Equal(t, playlist.Resource{Segment: -1, Data: key.Data}, r)
	}
	for _, uri := range []string{"data:", "data:;base64,***", "data:,%zz", "data:," + strings.Repeat("x", 2000)} {
		_, err := playlist.ParseHLS(lines("#EXTM3U", `#EXT-X-KEY:METHOD=AES-128,URI="`+uri+`"`, "#EXTINF:1,", "x.ts"), base(t), nil)
		require.ErrorIs(t, err, playlist.ErrMalformed, uri)
	}
}

func TestHundredHoursAreRead(t *testing.T) {
	t.Parallel()
	list := []byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n" + strings.Repeat("#EXTINF:2.000,\nsegment123456.ts\n", 180_000) + "#EXT-X-ENDLIST\n")
	require.Less(t, len(list), playlist.MaxSize)
	l, err := playlist.ParseHLS(list, base(t), nil)
	require.NoError(t, err)
	require.Equal(t, 100*time.Hour, l.Media.Duration())
	i, start := l.Media.At(99*time.Hour + time.Second)
	require.Equal(t, 99*time.Hour, start)
	require.Len(t, strings.Split(string(l.Media.Write(i, len(l.Media.Segments), "")), "\n"), 2*1800+7)
	_, err = l.Media.Find("179999.ts")
	require.NoError(t, err)
}

func TestPartsAreWrittenAsListsThatEnd(t *testing.T) {
	t.Parallel()
	m := media(t, "#EXT-X-TARGETDURATION:4", "#EXTINF:4,", "0.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:3,", "1.ts", "#EXTINF:2,", "2.ts")
	require.Equal(t, []int{0, 1}, m.Parts())
	require.Equal(t, 7*time.Second, m.Start(2))
	require.Contains(t, string(m.Write(0, 1, ".ts")), "0.ts\n#EXT-X-ENDLIST\n")
	rest := string(m.Write(1, 3, ".ts"))
	require.NotContains(t, rest, "#EXT-X-DISCONTINUITY")
	require.NotContains(t, rest, "#EXT-X-ENDLIST")
	require.Contains(t, rest, "#EXT-X-MEDIA-SEQUENCE:1\n")
}
