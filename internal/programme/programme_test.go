package programme_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
	"github.com/gotgcall/gotgcall/internal/programme"
	"github.com/stretchr/testify/require"
)

// TestLossEndsAListOfTenThousandSegmentsAtOnce: ffmpeg would ask for each segment that
// follows the lost one.
func TestLossEndsAListOfTenThousandSegmentsAtOnce(t *testing.T) {
	t.Parallel()
	list := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + strings.Repeat("#EXTINF:1,\nlost.ts\n", 10_000) + "#EXT-X-ENDLIST\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			fmt.Fprint(w, list)
			return
		}
		http.Error(w, "x", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	client := fetch.New(fetch.Config{})
	t.Cleanup(func() { _ = client.Close() })
	r, err := client.Open(t.Context(), server.URL+"/list.m3u8")
	require.NoError(t, err)
	_, p, err := programme.Open(t.Context(), client, r, playlist.Bounds{}, 0)
	require.NoError(t, err)
	folder := strings.TrimSuffix(p.Parts[0].Address, "list0.m3u8")
	asked := 0
	for ; p.Lost().Err() == nil; asked++ {
		response, err := http.Get(folder + fmt.Sprint(asked) + ".ts")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusNotFound, response.StatusCode)
	}
	require.Less(t, asked, 100)
	require.ErrorContains(t, p.Err(), "segment 0")
	require.ErrorContains(t, p.Err(), "403")
}
