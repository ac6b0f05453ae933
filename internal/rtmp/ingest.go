package rtmp

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/gotgcall/gotgcall/models"
)

// The ports of a URL that names none.
const (
	portRTMP  = "1935" // RTMP 1.0 section 4
	portRTMPS = "443"  // as ffmpeg and OBS do
)

// Ingest is where to publish. Printing or logging one does not show its stream key.
type Ingest struct {
	scheme string
	server string // scheme://host[:port], as it was given
	host   string // without brackets
	port   string
	app    string
	key    string
}

// ParseIngest takes rtmp[s]://host[:port]/app/key apart; the key is what comes
// after the last slash, with a query. It fails with models.ErrInvalidParams, and
// its errors do not repeat the URL.
func ParseIngest(raw string) (Ingest, error) {
	in, err := parseIngest(raw)
	if err != nil {
		return Ingest{}, fmt.Errorf("%w: rtmp url: %w", models.ErrInvalidParams, err)
	}
	return in, nil
}

func parseIngest(raw string) (Ingest, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return Ingest{}, errors.New("it has blanks or control characters")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Ingest{}, fmt.Errorf("malformed: %w", withoutQuotes(err))
	}
	switch {
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return Ingest{}, errors.New("want rtmp:// or rtmps://")
	case u.Hostname() == "":
		return Ingest{}, errors.New("no host")
	case u.User != nil:
		return Ingest{}, errors.New("a user name or password is not supported")
	case strings.Contains(raw, "#"):
		return Ingest{}, errors.New("it has a #")
	}
	_, rest, _ := strings.Cut(raw, "://")
	_, path, _ := strings.Cut(rest, "/")
	path, query, hasQuery := strings.Cut(path, "?")
	slash := strings.LastIndexByte(path, '/')
	if slash <= 0 || slash+1 == len(path) {
		return Ingest{}, errors.New("no stream key: want rtmps://host/app/key")
	}
	in := Ingest{
		scheme: u.Scheme, server: u.Scheme + "://" + u.Host, host: u.Hostname(), port: u.Port(),
		app: path[:slash], key: path[slash+1:],
	}
	if in.port == "" {
		in.port = map[string]string{"rtmp": portRTMP, "rtmps": portRTMPS}[in.scheme]
	}
	if hasQuery {
		in.key += "?" + query
	}
	// AMF0 gives the length of a string 16 bits.
	if len(in.key) > math.MaxUint16 || len(in.String()) > math.MaxUint16 {
		return Ingest{}, errors.New("it is too long")
	}
	return in, nil
}

// withoutQuotes returns the error of net/url without the parts of the URL that it
// quotes, one of which may be the key.
func withoutQuotes(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	words, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimSpace(words))
}

// String is the URL without the key.
func (in Ingest) String() string { return in.server + "/" + in.app }

// GoString is String.
func (in Ingest) GoString() string { return in.String() }

// LogValue is String, for handlers that marshal a struct field by field.
func (in Ingest) LogValue() slog.Value { return slog.StringValue(in.String()) }

// addr is where to connect to.
func (in Ingest) addr() string { return net.JoinHostPort(in.host, in.port) }

// Redact takes the key out of a text, with and without its query.
func (in Ingest) Redact(text string) string {
	name, _, _ := strings.Cut(in.key, "?")
	if name == "" {
		name = in.key
	}
	return strings.NewReplacer(in.key, "(key)", name, "(key)").Replace(text)
}
