package playlist

import (
	"bytes"
	"errors"
)

// Kind is the kind of a list.
type Kind int

// The kinds of lists.
const (
	None  Kind = iota // no list: media, or anything else
	HLS               // a master or media playlist
	DASH              // a media presentation description
	Links             // .m3u or .pls: addresses of other streams
)

// MaxSize is the size in bytes of the largest list that is read: 100 hours in
// segments of two seconds, with names of some 60 characters.
const MaxSize = 16 << 20

// The sentinels by which a list is refused.
var (
	// ErrMalformed is a list that cannot be understood.
	ErrMalformed = errors.New("malformed playlist")
	// ErrRefused is a list that wants something that is not done, such as a
	// file of this machine.
	ErrRefused = errors.New("refused playlist")
	// ErrEncrypted is a list of media whose key is not to be had by its address.
	ErrEncrypted = errors.New("protected by DRM")
)

// Detect returns the kind of a list from its beginning. Of an HLS list that may be
// all of it: comments can precede the first tag that tells it from a plain .m3u.
func Detect(head []byte) Kind {
	head = bytes.TrimLeft(trimBOM(head), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("#EXTM3U")):
		if bytes.Contains(head, []byte("#EXT-X-")) {
			return HLS
		}
		return Links
	case len(head) >= len("[playlist]") && bytes.EqualFold(head[:len("[playlist]")], []byte("[playlist]")):
		return Links
	case bytes.HasPrefix(head, []byte("http://")), bytes.HasPrefix(head, []byte("https://")):
		return Links
	case bytes.HasPrefix(head, []byte("<")) && isMPD(head):
		return DASH
	}
	return None
}

// isMPD reports whether the first element of a document is an MPD.
func isMPD(doc []byte) bool {
	for {
		doc = bytes.TrimLeft(doc, " \t\r\n")
		var end string
		switch {
		case bytes.HasPrefix(doc, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(doc, []byte("<!--")):
			end = "-->"
		default:
			name, _, _ := bytes.Cut(doc[:min(len(doc), 256)], []byte(" "))
			name = bytes.TrimLeft(bytes.TrimRight(name, "\r\n\t>"), "<")
			if _, local, ok := bytes.Cut(name, []byte(":")); ok {
				name = local
			}
			return bytes.HasPrefix(name, []byte("MPD"))
		}
		_, rest, ok := bytes.Cut(doc, []byte(end))
		if !ok {
			return false
		}
		doc = rest
	}
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
