package media

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// rangesTimeout bounds the question whether a server knows ranges.
const rangesTimeout = 5 * time.Second

// playlistHead is how much of a playlist is read to know it as one, and
// maxPlaylist how much to find its end.
const (
	playlistHead = 1 << 10
	maxPlaylist  = 4 << 20
)

// serving is how a server serves a URL; 0 means that it did not say.
type serving int

const (
	servedOnce       serving = iota + 1 // from the first byte only, or live
	servedInRanges                      // from any byte
	servedAsPlaylist                    // in segments that have an end
)

// seekable tells how the URL is served, and reports, as models.ErrSeekUnsupported, that a position cannot be
// reached: ffmpeg would read a live stream forward to it, in real time. What is
// not known for sure is left to ffmpeg.
func (u target) seekable(ctx context.Context) (serving, error) {
	if u.scheme != "http" && u.scheme != "https" {
		return 0, fmt.Errorf("%w: %s streams are live", models.ErrSeekUnsupported, u.scheme)
	}
	how, err := ask(ctx, u.url)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil && strings.Contains(err.Error(), `"ICY"`):
		// The protocol of SHOUTcast, whose streams never end.
		return 0, fmt.Errorf("%w: the stream is live", models.ErrSeekUnsupported)
	case err == nil && how == servedOnce:
		return 0, fmt.Errorf("%w: the server gives out no ranges of it", models.ErrSeekUnsupported)
	}
	return how, nil // of an error: ffmpeg words it better, and may well have none
}

// ask asks a server, as ffmpeg would, how it serves a URL.
func ask(ctx context.Context, url string) (serving, error) {
	ctx, cancel := context.WithTimeout(ctx, rangesTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Range", "bytes=0-")
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", "Lavf/59.27.100") // ffmpeg's own: servers tell clients apart
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return 0, fmt.Errorf("status %s", response.Status)
	}
	if rangesOf(response) && !playlist(response) {
		return servedInRanges, nil
	}
	// What was read before an error is as good.
	head, _ := io.ReadAll(io.LimitReader(response.Body, playlistHead))
	switch {
	case bytes.Contains(head, []byte("<MPD")):
		if !bytes.Contains(head, []byte(`type="dynamic"`)) {
			return servedAsPlaylist, nil
		}
	case bytes.HasPrefix(head, []byte("#EXTM3U")):
		rest, _ := io.ReadAll(io.LimitReader(response.Body, maxPlaylist))
		if hasEnd(append(head, rest...)) {
			return servedAsPlaylist, nil
		}
	case rangesOf(response):
		return servedInRanges, nil
	}
	return servedOnce, nil
}

// hasEnd reports whether an HLS playlist has an end, or may have one: a list of
// lists does not say (RFC 8216 section 4.3).
func hasEnd(list []byte) bool {
	for _, tag := range []string{"#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-STREAM-INF"} {
		if bytes.Contains(list, []byte(tag)) {
			return true
		}
	}
	return false
}

// playlist reports whether an answer says that it is one. It may come in ranges,
// too.
func playlist(response *http.Response) bool {
	kind := strings.ToLower(response.Header.Get("Content-Type"))
	return strings.Contains(kind, "mpegurl") || strings.Contains(kind, "dash+xml") ||
		strings.HasSuffix(response.Request.URL.Path, ".m3u8") || strings.HasSuffix(response.Request.URL.Path, ".mpd")
}

// rangesOf reports whether an answer offers ranges. A stream without a length is
// live, whatever it offers.
func rangesOf(response *http.Response) bool {
	_, length, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
	if response.StatusCode == http.StatusPartialContent {
		return length != "" && length != "*"
	}
	return response.Header.Get("Accept-Ranges") == "bytes" && response.ContentLength >= 0
}
