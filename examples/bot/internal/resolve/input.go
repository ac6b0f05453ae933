package resolve

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// input is a user's text, understood. Exactly one field is set.
type input struct {
	address *url.URL // of http or https
	words   string   // to search for
	name    string   // of a file in the owner's library
}

// The bounds of a text, in bytes. A search engine looks at less, and browsers send
// addresses of about this length.
const (
	maxText    = 4096
	maxAddress = 2048
)

// libraryPrefix begins the name of a file in the owner's library.
const libraryPrefix = "library:"

var (
	isWeb = regexp.MustCompile(`(?i)^https?://`)
	// bareAddress is one without its scheme, such as youtu.be/abc.
	bareAddress = regexp.MustCompile(`^[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}(:\d+)?/\S*$`)
	// notWords begins what other programs take for a file, a stream of their own or a
	// kind of search, and nobody for words.
	notWords = regexp.MustCompile(`(?i)^([a-z]:[\\/]|(\w*search\w*|file|concatf?|subfile|data|pipe|fd|crypto|cache|async|tee|unix|tcp|udp|udplite|rtp|srtp|tls|http|https|httpproxy|ftp|sftp|hls|dash|rtmp\w*|rtsps?|srt|mmsh?|mmst|gopher|ipfs|ipns|md5|prompeg|android_content|javascript|lavfi|movie|amovie)[:,]\S)`)
)

// parse understands a text. An error is a [track.Refusal].
func parse(text string) (input, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return input{}, refuse(wordsEmpty, nil)
	case len(text) > maxText:
		return input{}, refuse("That is too long. Send a few words or an address.", nil)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return input{}, refuse("Write it in one line of plain text, please.", nil)
	}
	if name, ok := strings.CutPrefix(text, libraryPrefix); ok {
		return input{name: strings.TrimSpace(name)}, nil
	}
	if isWeb.MatchString(text) || bareAddress.MatchString(text) {
		u, err := parseAddress(text)
		return input{address: u}, err
	}
	switch {
	case strings.ContainsAny(text[:1], `/.~-\`), notWords.MatchString(text):
		return input{}, refuse("That is no address and nothing to search for. "+wordsEmpty, nil)
	case strings.Contains(text, "://"):
		return input{}, refuse(wordsScheme, nil)
	}
	return input{words: text}, nil
}

// parseAddress accepts an address that may be fetched, if its host is a public one. An
// error is a [track.Refusal].
func parseAddress(text string) (*url.URL, error) {
	switch {
	case strings.ContainsFunc(text, unicode.IsSpace):
		return nil, refuse("An address has no blanks in it: send it alone, please.", nil)
	case !isWeb.MatchString(text):
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, refuse(wordsMalformed, nil) // the error would repeat the address
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, refuse(wordsScheme, nil)
	case u.User != nil:
		return nil, refuse("I do not use addresses with a name or password in them.", nil)
	case u.Hostname() == "" || u.Opaque != "" || strings.HasSuffix(u.Host, ":") || odd(u.Hostname()), badPort(u.Port()):
		return nil, refuse(wordsMalformed, nil)
	case strings.Contains(u.Fragment, "__youtubedl_smuggle"):
		return nil, refuse(wordsMalformed, nil) // orders to yt-dlp
	}
	u.Host = strings.ToLower(u.Host)
	if len(written(u)) > maxAddress {
		return nil, refuse("That address is too long.", nil)
	}
	return u, nil
}

// written returns an address as it is given to others: its host is in letters, which
// package url writes as escapes that no other program knows.
func written(u *url.URL) string {
	host := url.URL{Host: u.Host}
	return strings.Replace(u.String(), host.String(), "//"+u.Host, 1)
}

// badPort reports a port that is none; an address may have no port.
func badPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port != "" && (err != nil || n == 0)
}

// odd reports a host that some programs take for an IPv4 address and others for a name:
// its last part is a number, as in 0x7f000001, 2130706433, 127.1 and 0177.0.0.1, or it is
// written in digits of another script.
func odd(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII && unicode.IsNumber(r) }) {
		return true
	}
	parts := strings.FieldsFunc(host, func(r rune) bool { return strings.ContainsRune(".。．｡", r) })
	if len(parts) == 0 {
		return true
	}
	last := strings.ToLower(parts[len(parts)-1])
	hex, isHex := strings.CutPrefix(last, "0x")
	if isHex {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// refuse returns words for the user who asked; err may be nil.
func refuse(words string, err error) error { return &track.Refusal{Words: words, Err: err} }
