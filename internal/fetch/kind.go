package fetch

import (
	"bytes"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Kind distinguishes resources.
type Kind int

// The kinds.
const (
	Finite   Kind = iota // it has an end
	Live                 // a radio: where it ends, it was lost
	Playlist             // a text that names other resources
)

// maxLength is the longest file there is. Some radios announce an endless one by a
// length that is larger.
const maxLength = 1 << 40

// length returns the length of the whole resource in bytes, by an answer that begins with
// its first byte, or -1 if it is unknown.
func length(response *http.Response) int64 {
	size := response.ContentLength
	if response.StatusCode == http.StatusPartialContent {
		_, total, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			return -1
		}
		size = n
	}
	if size > maxLength {
		return -1
	}
	return size
}

// isRadio reports whether an answer without a length is a radio's: SHOUTcast,
// Icecast and what follows them say so in their headers.
func isRadio(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "Icy-") || strings.HasPrefix(name, "Ice-") {
			return true
		}
	}
	server := strings.ToLower(h.Get("Server"))
	return strings.Contains(server, "icecast") || strings.Contains(server, "shoutcast")
}

// isPlaylist reports whether a resource is a playlist, by its type, its name or
// its beginning.
func isPlaylist(kind, name string, head []byte) bool {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	switch strings.TrimSpace(kind) {
	case "application/vnd.apple.mpegurl", "application/x-mpegurl", "application/mpegurl", "audio/mpegurl", "audio/x-mpegurl",
		"application/dash+xml", "audio/x-scpls", "audio/scpls", "application/pls+xml":
		return true
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("#EXTM3U")), bytes.HasPrefix(bytes.ToLower(head), []byte("[playlist]")), bytes.Contains(head, []byte("<MPD")):
		return true
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".m3u8", ".m3u", ".mpd", ".pls":
		return printable(head)
	}
	return false
}

// printable reports whether a beginning is text.
func printable(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' })
}
