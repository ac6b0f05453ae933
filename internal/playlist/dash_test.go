package playlist_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

const mpd = `<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE x [<!ENTITY y "z">]>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xlink="x" type="static" mediaPresentationDuration="PT1M2.5S">
 <BaseURL>https://cdn.example/v/</BaseURL><BaseURL>https://other.example/</BaseURL>
 <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="https://time.example/"/>
 <Period xlink:href="https://evil.example/">
  <AdaptationSet contentType="video">
   <Representation id="s" mimeType="video/mp4" codecs="avc1" width="320" height="240" bandwidth="100"><SegmentTemplate media="s-$Number%05d$.m4s" initialization="/abs/s.mp4"/></Representation>
   <Representation id="m" mimeType="video/mp4" codecs="avc1" width="640" height="480" bandwidth="200"><BaseURL>m/</BaseURL><SegmentTemplate media="//third.example/m-$Time$.m4s?a=1&amp;b=2" initialization="m.mp4"/></Representation>
   <Representation id="l" mimeType="video/mp4" codecs="avc1" width="1920" height="1080" bandwidth="900"><BaseURL>file:///etc/passwd</BaseURL></Representation>
  </AdaptationSet>
  <AdaptationSet mimeType="audio/mp4" lang="de">
   <Representation id="a" codecs="mp4a.40.2" bandwidth="64000"><SegmentTemplate media="a.m4s"/></Representation>
   <Representation id="b" codecs="mp4a.40.2" bandwidth="128000"><SegmentTemplate media="b.m4s"/></Representation>
  </AdaptationSet>
  <AdaptationSet mimeType="audio/mp4" lang="en"><Representation id="c" bandwidth="256000"/></AdaptationSet>
  <AdaptationSet contentType="text" mimeType="text/vtt"><Representation id="t"><BaseURL>t.vtt</BaseURL></Representation></AdaptationSet>
  <AdaptationSet mimeType="image/jpeg"><Representation id="i"/></AdaptationSet>
 </Period>
</MPD>`

func writeDASH(t *testing.T, doc string, b playlist.Bounds) (string, *playlist.Presentation) {
	t.Helper()
	p, err := playlist.ParseDASH([]byte(doc), base(t), b)
	require.NoError(t, err)
	out, err := p.Write(func(origin *url.URL) string { return "http://me/" + origin.Hostname() })
	require.NoError(t, err)
	require.Len(t, out, 1)
	return string(out[0]), p
}

func TestDASHIsOnePictureAndOneSound(t *testing.T) {
	t.Parallel()
	out, p := writeDASH(t, mpd, playlist.Bounds{Picture: true, Width: 1280, Height: 720, FPS: 30})
	require.Equal(t, 62500*time.Millisecond, p.Duration)
	require.False(t, p.Live)
	require.Equal(t, `<?xml version="1.0" encoding="utf-8"?>`+"\n"+
		`<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xlink="x" type="static" mediaPresentationDuration="PT1M2.5S">`+
		`<BaseURL>http://me/cdn.example/v/</BaseURL><Period>`+
		`<AdaptationSet contentType="video"><Representation id="m" mimeType="video/mp4" codecs="avc1" width="640" height="480" bandwidth="200">`+
		`<BaseURL>http://me/cdn.example/v/m/</BaseURL><SegmentTemplate media="http://me/third.example/m-$Time$.m4s?a=1&amp;b=2" initialization="m.mp4"/></Representation></AdaptationSet>`+
		`<AdaptationSet mimeType="audio/mp4" lang="de"><Representation id="b" codecs="mp4a.40.2" bandwidth="128000"><SegmentTemplate media="b.m4s"/></Representation></AdaptationSet>`+
		`</Period></MPD>`, out)

	out, _ = writeDASH(t, mpd, playlist.Bounds{})
	require.NotContains(t, out, "video")
	require.Contains(t, out, `id="b"`)
	out, _ = writeDASH(t, mpd, playlist.Bounds{Picture: true, Width: 10, Height: 10, FPS: 30})
	require.Contains(t, out, `media="s-$Number%05d$.m4s" initialization="http://me/cdn.example/abs/s.mp4"`)

	// The list's own address counts where there is no BaseURL.
	live := `<m:MPD xmlns:m="x" type="dynamic"><m:Period><m:AdaptationSet><m:Role value="commentary"/><m:Representation id="no" mimeType="audio/mp4" bandwidth="9"/></m:AdaptationSet>` +
		`<m:AdaptationSet><m:Representation id="yes" mimeType="audio/mp4"><m:SegmentList><m:Initialization sourceURL="http:///x"/></m:SegmentList></m:Representation></m:AdaptationSet></m:Period></m:MPD>`
	out, p = writeDASH(t, strings.ReplaceAll(live, "http:///x", "/x"), playlist.Bounds{})
	require.True(t, p.Live)
	require.Contains(t, out, `<m:Initialization sourceURL="http://me/host.example/x"/>`)
	require.NotContains(t, out, `"no"`)
}

func TestDASHWithSoundInThePicture(t *testing.T) {
	t.Parallel()
	out, _ := writeDASH(t, `<MPD><Period><AdaptationSet mimeType="video/mp4" codecs="avc1.4d,mp4a.40.2"><Representation id="l" bandwidth="9"/><Representation id="s" bandwidth="1"/></AdaptationSet></Period></MPD>`, playlist.Bounds{})
	require.Contains(t, out, `id="s"`)
	require.NotContains(t, out, `id="l"`)
}

func TestBadDASHIsRefusedInWords(t *testing.T) {
	t.Parallel()
	set := func(inside string) string {
		return `<MPD><Period><AdaptationSet mimeType="audio/mp4"><Representation>` + inside + `</Representation></AdaptationSet></Period></MPD>`
	}
	for name, test := range map[string]struct {
		doc string
		err error
	}{
		"empty":           {"", playlist.ErrMalformed},
		"other":           {"<x/>", playlist.ErrMalformed},
		"nothing":         {"<MPD><Period/></MPD>", playlist.ErrMalformed},
		"cut off":         {"<MPD><Period>", playlist.ErrMalformed},
		"not balanced":    {"<MPD><Period></MPD></Period>", playlist.ErrMalformed},
		"two roots":       {"<MPD/><MPD/>", playlist.ErrMalformed},
		"entity":          {set("<BaseURL>&y;</BaseURL>"), playlist.ErrMalformed},
		"deep":            {"<MPD>" + strings.Repeat("<a>", 99), playlist.ErrRefused},
		"long text":       {"<MPD>" + strings.Repeat("x<!-- -->", 1<<15), playlist.ErrRefused},
		"many":            {"<MPD>" + strings.Repeat("<a/>", 400_000), playlist.ErrRefused},
		"encrypted":       {set("<ContentProtection/>"), playlist.ErrEncrypted},
		"file":            {set("<BaseURL>file:///etc/passwd</BaseURL>"), playlist.ErrRefused},
		"file template":   {set(`<SegmentTemplate media="file:///x"/>`), playlist.ErrRefused},
		"concat template": {set(`<SegmentTemplate media="concat:a|b"/>`), playlist.ErrRefused},
		"no host":         {set(`<SegmentTemplate media="http:///x"/>`), playlist.ErrMalformed},
	} {
		p, err := playlist.ParseDASH([]byte(test.doc), base(t), playlist.Bounds{})
		if err == nil {
			_, err = p.Write(func(*url.URL) string { return "http://me" })
		}
		require.ErrorIs(t, err, test.err, name)
		require.NotContains(t, err.Error(), "passwd")
	}
}

func TestPeriodsAreDescribedOneByOne(t *testing.T) {
	t.Parallel()
	period := func(attributes, content string) string {
		return `<Period ` + attributes + `><AdaptationSet mimeType="` + content + `"><Representation id="r"><SegmentList startNumber="1"><SegmentURL media="a.m4s"/></SegmentList></Representation></AdaptationSet></Period>`
	}
	doc := func(kind, periods string) []byte {
		return []byte(`<MPD type="` + kind + `" mediaPresentationDuration="PT60S">` + periods + `</MPD>`)
	}
	three := period(`start="PT0S"`, "audio/mp4") + period(`start="PT10S" duration="PT5S"`, "text/vtt") + period("", "audio/mp4")
	p, err := playlist.ParseDASH(doc("static", three), base(t), playlist.Bounds{})
	require.NoError(t, err)
	require.Equal(t, []time.Duration{10 * time.Second, 45 * time.Second}, p.Lengths, "without the one that has nothing to play")
	out, err := p.Write(func(*url.URL) string { return "http://me" })
	require.NoError(t, err)
	require.Len(t, out, 2)
	require.Equal(t, `<?xml version="1.0" encoding="utf-8"?>`+"\n"+`<MPD type="static" mediaPresentationDuration="PT45S">`+
		`<Period duration="PT45S"><AdaptationSet mimeType="audio/mp4"><Representation id="r"><SegmentList><SegmentURL media="a.m4s"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
		string(out[1]))

	// A live one is left whole, and so is one of unknown lengths.
	for _, text := range [][]byte{
		doc("dynamic", three), []byte(`<MPD type="static">` + period("", "audio/mp4") + period("", "audio/mp4") + `</MPD>`),
	} {
		p, err = playlist.ParseDASH(text, base(t), playlist.Bounds{})
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0}, p.Lengths)
	}
}
