package rtmp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/gotgcall/gotgcall/models"
)

// maxKey keeps the line that carries the key to ffmpeg below the 1000 bytes that
// ffmpeg reads of one.
const maxKey = 512

// Target is where to publish. Printing one does not show its stream key.
type Target struct {
	server string // scheme://host:port
	app    string
	key    string
	scheme string
}

// ParseTarget takes rtmp[s]://host[:port]/app/key apart; the key is what comes
// after the last slash, with a query. It fails with models.ErrInvalidParams, and
// its errors do not repeat the URL.
func ParseTarget(raw string) (Target, error) {
	t, err := parseTarget(raw)
	if err != nil {
		return Target{}, fmt.Errorf("%w: rtmp url: %w", models.ErrInvalidParams, err)
	}
	return t, nil
}

func parseTarget(raw string) (Target, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return Target{}, errors.New("it has blanks or control characters")
	}
	u, err := url.Parse(raw)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		if quoted := strings.IndexByte(err.Error(), '"'); quoted >= 0 {
			err = errors.New(strings.TrimSpace(err.Error()[:quoted])) // what it quotes may be the key
		}
		return Target{}, fmt.Errorf("malformed: %w", err)
	}
	switch {
	case u.Scheme != "rtmp" && u.Scheme != "rtmps":
		return Target{}, errors.New("want rtmp:// or rtmps://")
	case u.Hostname() == "":
		return Target{}, errors.New("no host")
	case u.User != nil:
		return Target{}, errors.New("a user name or password is not supported")
	case strings.Contains(raw, "#"):
		return Target{}, errors.New("it has a #")
	}
	_, rest, _ := strings.Cut(raw, "://")
	_, path, _ := strings.Cut(rest, "/")
	path, query, hasQuery := strings.Cut(path, "?")
	slash := strings.LastIndexByte(path, '/')
	if slash <= 0 || slash+1 == len(path) {
		return Target{}, errors.New("no stream key: want rtmps://host/app/key")
	}
	t := Target{scheme: u.Scheme, server: u.Scheme + "://" + u.Host, app: path[:slash], key: path[slash+1:]}
	if hasQuery {
		t.key += "?" + query
	}
	if len(t.key) > maxKey {
		return Target{}, fmt.Errorf("a stream key of %d bytes, want at most %d", len(t.key), maxKey)
	}
	return t, nil
}

// String is the URL without the key.
func (t Target) String() string { return t.server + "/" + t.app }

// GoString is String: the key is not for any log.
func (t Target) GoString() string { return t.String() }

// Redact takes the key out of a line of ffmpeg's, with and without its query.
func (t Target) Redact(line string) string {
	name, _, _ := strings.Cut(t.key, "?")
	return strings.NewReplacer(t.key, "(key)", name, "(key)").Replace(line)
}
