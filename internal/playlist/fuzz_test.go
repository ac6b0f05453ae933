package playlist_test

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

// inWords reports whether an error is one that a list is refused by.
func inWords(err error) bool {
	return errors.Is(err, playlist.ErrMalformed) || errors.Is(err, playlist.ErrRefused) || errors.Is(err, playlist.ErrEncrypted)
}

func FuzzHLS(f *testing.F) {
	for _, seed := range []string{
		"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4,\na.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST\n",
		"#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"data:;base64,AAAA\",IV=0x1\n#EXT-X-MAP:URI=\"i\",BYTERANGE=\"1@2\"\n#EXT-X-BYTERANGE:5\n#EXTINF:4,\na\n#EXT-X-GAP\nb\n",
		"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"x\"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",CODECS=\"avc1,mp4a\",RESOLUTION=1x1\nv\n",
		"#EXTM3U\n#EXTINF:1e99,\nfile:///x\n",
		"#EXTM3U\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b{$a}\"\n#EXT-X-DEFINE:IMPORT=\"c\"\n#EXT-X-DEFINE:QUERYPARAM=\"d\"\n#EXT-X-MAP:URI=\"{$a}\"\n#EXTINF:1,\n{$c}/{$d}\n",
	} {
		f.Add([]byte(seed), 1)
	}
	from := &url.URL{Scheme: "http", Host: "h", Path: "/a/b", RawQuery: "d=%22e%0A"}
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		list, err := playlist.ParseHLS(data, from, playlist.Variables{"c": "https://c"})
		switch {
		case err != nil:
			if !inWords(err) {
				t.Fatal(err)
			}
		case list.Master != nil:
			for _, b := range []playlist.Bounds{{}, {Picture: true, Width: 10, Height: 10, FPS: 30}} {
				if c, err := list.Master.Choose(b, from); err == nil && c.Main == nil || err != nil && !inWords(err) {
					t.Fatal(c, err)
				}
			}
		default:
			requireOurs(t, list.Media, at)
		}
	})
}

// requireOurs checks that a written list has nothing in it but tags and names that
// can be found, and reads as the same list.
func requireOurs(t *testing.T, m *playlist.Media, at int) {
	from := min(max(at, 0), len(m.Segments))
	out := m.Write(from, len(m.Segments), ".ts")
	segments := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n"), "\n") {
		name := line
		if strings.HasPrefix(line, "#") {
			_, uri, ok := strings.Cut(line, `URI="`)
			if !ok {
				continue
			}
			name, _, _ = strings.Cut(uri, `"`)
		} else {
			segments++
		}
		if strings.ContainsAny(name, "/:?# ") {
			t.Fatalf("name %q", name)
		}
		if r, err := m.Find(name); err != nil && !inWords(err) || err == nil && r.URL != nil && r.URL.Host == "" {
			t.Fatal(name, r, err)
		}
	}
	if segments != len(m.Segments)-from {
		t.Fatal(segments)
	}
	again, err := playlist.ParseHLS(out, &url.URL{Scheme: "http", Host: "me"}, nil)
	if err != nil || again.Media == nil || again.Media.Ended != m.Ended {
		t.Fatalf("%v: %s", err, out)
	}
}

func FuzzDASH(f *testing.F) {
	f.Add([]byte(mpd))
	f.Add([]byte(`<m:MPD type="dynamic"><m:Period><m:AdaptationSet mimeType="audio/mp4"><m:Representation><m:SegmentList><m:SegmentURL media="//x/y"/></m:SegmentList></m:Representation></m:AdaptationSet></m:Period></m:MPD>`))
	from := &url.URL{Scheme: "http", Host: "h", Path: "/a/b"}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := playlist.Bounds{Picture: true, Width: 1280, Height: 720, FPS: 30}
		p, err := playlist.ParseDASH(data, from, b)
		var out [][]byte
		if err == nil {
			out, err = p.Write(func(*url.URL) string { return "http://me/0" })
		}
		if err != nil {
			if !inWords(err) {
				t.Fatal(err)
			}
			return
		}
		if len(out) != len(p.Lengths) {
			t.Fatal(len(out), p.Lengths)
		}
		for _, text := range out {
			if again, err := playlist.ParseDASH(text, from, b); err != nil || len(again.Lengths) != 1 {
				t.Fatalf("%v: %s", err, text)
			}
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte("#EXTM3U\nhttp://a/1\nx y\n"))
	f.Add([]byte("[playlist]\nFile1=http://a/1\nFile2=C:\\x\n"))
	from := &url.URL{Scheme: "http", Host: "h", Path: "/a/b"}
	f.Fuzz(func(t *testing.T, data []byte) {
		playlist.Detect(data)
		playlist.SegmentKind(data)
		links, err := playlist.ParseLinks(data, from)
		if err != nil && !inWords(err) || err == nil && len(links) == 0 || len(links) > 10 {
			t.Fatal(links, err)
		}
		for _, l := range links {
			if l.Scheme != "http" && l.Scheme != "https" || l.Host == "" || bytes.ContainsAny([]byte(l.String()), "\r\n") {
				t.Fatal(l)
			}
		}
	})
}
