package playlist

import (
	"fmt"
	"net/url"
	"strings"
)

// maxLinks is how many addresses of a .m3u or .pls are of use: stations give the
// same stream a few times over.
const maxLinks = 10

// ParseLinks returns the addresses of a plain .m3u or .pls in their order, ten at
// most. Names of files are passed over, and so is whatever else is no address of
// http or https; a list without one is ErrRefused or ErrMalformed.
func ParseLinks(data []byte, base *url.URL) ([]*url.URL, error) {
	var links []*url.URL
	var reason error
	pls := strings.HasPrefix(strings.ToLower(strings.TrimSpace(string(trimBOM(data[:min(len(data), 64)])))), "[playlist]")
	for line := range lines(data) {
		if pls {
			key, value, ok := strings.Cut(line, "=")
			if !ok || !strings.HasPrefix(strings.ToLower(key), "file") {
				continue
			}
			line = strings.TrimSpace(value)
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		u, err := Resolve(base, line)
		if err != nil {
			reason = err
			continue
		}
		if links = append(links, u); len(links) == maxLinks {
			break
		}
	}
	switch {
	case len(links) > 0:
		return links, nil
	case reason != nil:
		return nil, reason
	}
	return nil, fmt.Errorf("%w: it names no stream", ErrMalformed)
}

// lines yields the lines of a text without the blanks around them. A line ends
// with LF, CR or both.
func lines(data []byte) func(yield func(string) bool) {
	text := string(trimBOM(data))
	return func(yield func(string) bool) {
		for text != "" {
			line := text
			if i := strings.IndexAny(text, "\r\n"); i >= 0 {
				line, text = text[:i], text[i+1:]
			} else {
				text = ""
			}
			if !yield(strings.TrimSpace(line)) {
				return
			}
		}
	}
}
