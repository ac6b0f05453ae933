package ffmpeg

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/gotgcall/gotgcall/models"
)

// InputURL is a URL that is safe to give to ffmpeg.
type InputURL struct {
	Scheme string
	URL    string // as ffmpeg gets it
	Public string // without user, password, query and fragment
	user   string // the user information as written, with its @; may be empty
}

// Redact removes secrets from a line of standard error: those of the URL, and the user,
// query and fragment of any other.
func (u InputURL) Redact(line string) string {
	line = strings.ReplaceAll(line, u.URL, u.Public)
	if u.user != "" {
		line = strings.ReplaceAll(line, u.user, "")
	}
	return anyURL.ReplaceAllString(line, "$1$2")
}

// anyURL matches a URL in four parts: scheme, user, the rest, query and fragment. The
// first and third are kept.
var anyURL = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/'"@]*@)?([^\s'"?#]*)(?:[?#][^\s'"]*)?`)

// ParseInputURL accepts an absolute URL of a known network protocol. Its errors do
// not repeat the URL, which may hold a password.
func ParseInputURL(raw string) (InputURL, error) {
	if strings.ContainsFunc(raw, unicode.IsControl) {
		return InputURL{}, fmt.Errorf("%w: the URL has control characters", models.ErrInvalidParams)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error would quote what may be a part of a password.
		return InputURL{}, fmt.Errorf("%w: the URL is malformed; a name or password in it may need percent-encoding", models.ErrInvalidParams)
	}
	if protocols(u.Scheme).allowed == "" {
		return InputURL{}, fmt.Errorf("%w: want a URL of http, https, rtmp, rtmps, rtsp, rtsps or srt", models.ErrInvalidParams)
	}
	rest, ok := strings.CutPrefix(raw[len(u.Scheme):], "://")
	if !ok || u.Hostname() == "" {
		return InputURL{}, fmt.Errorf("%w: the URL has no host", models.ErrInvalidParams)
	}
	if u.Scheme == "srt" {
		if err := validSRT(u.Query()); err != nil {
			return InputURL{}, err
		}
	}
	// ffmpeg matches schemes by case, and takes blanks for separators in some.
	t := InputURL{
		Scheme: u.Scheme,
		URL:    u.Scheme + "://" + strings.ReplaceAll(rest, " ", "%20"),
		Public: clip((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()),
	}
	authority, _, _ := strings.Cut(strings.TrimPrefix(t.URL, u.Scheme+"://"), "/")
	if i := strings.LastIndexByte(authority, '@'); i > 0 {
		t.user = authority[:i+1]
	}
	return t, nil
}

// clip shortens a URL that is shown.
func clip(s string) string {
	const longest = 200
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "…"
}

// validSRT returns an error for options by which an srt URL could make this machine
// listen, and for unknown ones.
func validSRT(options url.Values) error {
	for name, values := range options {
		switch name {
		case "mode":
			if len(values) != 1 || values[0] != "caller" {
				return fmt.Errorf("%w: an srt server is called: its mode is caller", models.ErrInvalidParams)
			}
		case "streamid", "srt_streamid", "passphrase", "pbkeylen", "enforced_encryption", "latency", "rcvlatency", "peerlatency",
			"tsbpd", "tlpktdrop", "nakreport", "lossmaxttl", "maxbw", "mss", "ffs", "rcvbuf", "payload_size", "pkt_size",
			"connect_timeout", "timeout", "transtype", "minversion", "messageapi", "smoother", "kmrefreshrate", "kmpreannounce":
		default:
			return fmt.Errorf("%w: an srt URL with an option that is not known", models.ErrInvalidParams)
		}
	}
	return nil
}
