package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestPolicyIsAskedAboutWhatPlaylistsName(t *testing.T) {
	t.Parallel()
	forbidden := canary(t)
	there := "http://127.0.0.1:" + forbidden
	refusal := errors.New("not there")
	for name, list := range map[string]string{
		"segment": lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", there+"/a.ts", "#EXT-X-ENDLIST"),
		"variant": lines("#EXTM3U", "#EXT-X-STREAM-INF:BANDWIDTH=1", there+"/a.m3u8"),
		"key":     lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", `#EXT-X-KEY:METHOD=AES-128,URI="`+there+`/key"`, "#EXTINF:1,", "a.ts", "#EXT-X-ENDLIST"),
		"map":     lines("#EXTM3U", "#EXT-X-TARGETDURATION:1", `#EXT-X-MAP:URI="`+there+`/init"`, "#EXTINF:1,", "a.m4s", "#EXT-X-ENDLIST"),
		"pls":     lines("[playlist]", "File1="+there+"/a.mp3"),
		"m3u":     lines("#EXTM3U", there+"/a.mp3"),
		"dash":    `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet contentType="audio"><Representation id="0" mimeType="audio/mp4" bandwidth="1"><SegmentList duration="1"><Initialization sourceURL="` + there + `/i.mp4"/><SegmentURL media="` + there + `/a.m4s"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: []byte(list)} })
			e := env()
			e.StallTimeout = 10 * time.Second
			e.URLPolicy = func(_ context.Context, _ string, address netip.AddrPort) error {
				if fmt.Sprint(address.Port()) == forbidden {
					return refusal
				}
				return nil
			}
			_, err := media.FromURL(server.URL+"/list", media.EncodeOptions{}).Open(t.Context(), e)
			require.ErrorIs(t, err, models.ErrFile)
			if name != "dash" { // of which ffmpeg asks for nothing here
				require.ErrorContains(t, err, "not there")
			}
			require.NotRegexp(t, `/[0-9a-f]{32}/`, err.Error())
		})
	}
}
