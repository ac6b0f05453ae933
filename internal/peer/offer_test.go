package peer

import (
	"flag"
	"net/netip"
	"os"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/jsonparams"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// answer is a join answer of two candidates of one priority, as Telegram's are.
func answer() *jsonparams.Response {
	return &jsonparams.Response{
		Transport: jsonparams.Transport{
			Ufrag:       "4kq7a1hm92c0de",
			Pwd:         "2rk0s8vx61tm5bq3zd7wy9ncaf",
			Fingerprint: "B1:07:5C:E9:44:D0:2A:96:8F:33:7D:18:C6:51:EB:0E:99:42:AD:F8:6B:25:73:1C:DE:80:4F:B7:12:E5:A9:60",
			Candidates: []jsonparams.Candidate{
				{Foundation: "1", Component: 1, Priority: 2130706431, Addr: netip.MustParseAddrPort("[2001:67c:4e8:f004::1f]:32001"), Type: "host"},
				{Foundation: "2", Component: 1, Priority: 2130706431, Addr: netip.MustParseAddrPort("91.108.13.55:32001"), Type: "host"},
			},
		},
		Opus: jsonparams.PayloadTypeOpus, VP8: jsonparams.PayloadTypeVP8, RTX: jsonparams.PayloadTypeRTX,
	}
}

func TestOfferIsGolden(t *testing.T) {
	t.Parallel()
	unusual := answer()
	unusual.Transport.Passive = true
	unusual.Opus, unusual.VP8, unusual.RTX = 96, 120, 121
	unusual.Transport.Candidates[0].Priority, unusual.Transport.Candidates[1].Priority = 1, 0
	unusual.Transport.Candidates[1].Type = "relay"
	h264 := answer()
	h264.H264, h264.H264RTX = 104, 105
	for name, c := range map[string]struct {
		response *jsonparams.Response
		routed   int // candidates that there is a route to
		lite     bool
	}{
		"testdata/offer.sdp":         {answer(), 2, false},
		"testdata/offer_lite.sdp":    {answer(), 2, true},
		"testdata/offer_routed.sdp":  {answer(), 1, false},
		"testdata/offer_unusual.sdp": {unusual, 2, false},
		"testdata/offer_h264.sdp":    {h264, 2, false},
	} {
		got := offer(c.response, c.response.Transport.Candidates[:c.routed], c.lite)
		if *update {
			require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
		}
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), got, name)

		parsed := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: got}
		sdp, err := parsed.Unmarshal()
		require.NoError(t, err, name)
		require.Len(t, sdp.MediaDescriptions, 3, name)
	}
}
