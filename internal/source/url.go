package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// address is a URL that is to be opened.
type address struct {
	opts media.EncodeOptions
	form outputForm
}

func openURL(ctx context.Context, env media.Env, src media.URL, position time.Duration) (media.Stream, error) {
	u, err := parseURL(src.Address)
	opts, invalid := src.Options.Resolve()
	if err := errors.Join(err, invalid, validPosition(position)); err != nil {
		return nil, fmt.Errorf("open URL: %w", err)
	}
	stream, err := address{opts: opts, form: outputForm{env.Format}}.open(ctx, env, u, position)
	if err != nil {
		return nil, fmt.Errorf("open URL %s: %w", u.public, err)
	}
	return stream, nil
}

func (s address) open(ctx context.Context, env media.Env, u target, position time.Duration) (media.Stream, error) {
	if u.scheme == "http" || u.scheme == "https" {
		return s.fetch(ctx, env, u, position)
	}
	if position > 0 {
		return nil, fmt.Errorf("%w: %s streams are live", models.ErrSeekUnsupported, u.scheme)
	}
	return s.connect(ctx, env, u)
}

// encoderStream keeps a nil encoder from becoming a Stream that is not nil.
func encoderStream(e *encoder, err error) (media.Stream, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

// command is what the ffmpeg of any URL has in common.
func (s address) command(env media.Env, args []string, position time.Duration) command {
	return command{
		path:     ffmpegPath(env),
		args:     args,
		content:  s.form.content(),
		apart:    s.form.apart(s.opts),
		interval: interval(s.opts),
		want:     s.opts.Tracks,
		seek:     seekTo(position, 1),
	}
}

// target is a URL that may be given to ffmpeg.
type target struct {
	scheme string
	url    string // as ffmpeg gets it
	public string // without user, password, query and fragment
	user   string // the user information as written, with its @; may be empty
}

// redact takes secrets out of a line of ffmpeg's: those of the URL, and user, query
// and fragment of any other.
func (u target) redact(line string) string {
	line = strings.ReplaceAll(line, u.url, u.public)
	if u.user != "" {
		line = strings.ReplaceAll(line, u.user, "")
	}
	return anyURL.ReplaceAllString(line, "$1$2")
}

// anyURL finds a URL: its scheme, user, rest and what is to be left out.
var anyURL = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/'"@]*@)?([^\s'"?#]*)(?:[?#][^\s'"]*)?`)

// parseURL accepts an absolute URL of a known network protocol. Its errors do
// not repeat the URL, which may hold a password.
func parseURL(raw string) (target, error) {
	if strings.ContainsFunc(raw, unicode.IsControl) {
		return target{}, fmt.Errorf("%w: the URL has control characters", models.ErrInvalidParams)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error would quote what may be a part of a password.
		return target{}, fmt.Errorf("%w: the URL is malformed; a name or password in it may need percent-encoding", models.ErrInvalidParams)
	}
	if protocols(u.Scheme).allowed == "" {
		return target{}, fmt.Errorf("%w: want a URL of http, https, rtmp, rtmps, rtsp, rtsps or srt", models.ErrInvalidParams)
	}
	rest, ok := strings.CutPrefix(raw[len(u.Scheme):], "://")
	if !ok || u.Hostname() == "" {
		return target{}, fmt.Errorf("%w: the URL has no host", models.ErrInvalidParams)
	}
	if u.Scheme == "srt" {
		if err := validSRT(u.Query()); err != nil {
			return target{}, err
		}
	}
	// ffmpeg matches schemes by case, and takes blanks for separators in some.
	t := target{
		scheme: u.Scheme,
		url:    u.Scheme + "://" + strings.ReplaceAll(rest, " ", "%20"),
		public: clip((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()),
	}
	authority, _, _ := strings.Cut(strings.TrimPrefix(t.url, u.Scheme+"://"), "/")
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

// validSRT refuses what an srt URL could ask of this machine: to listen, or an
// option that is not known here.
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

// protocol is what a URL scheme needs of ffmpeg.
type protocol struct {
	allowed string   // the protocols that may be opened; empty: unknown scheme
	formats string   // demuxers beside formats, with a leading comma
	options []string // input options
}

// protocols returns what a scheme needs. No list has file in it.
func protocols(scheme string) protocol {
	// 30 s without a byte is a dead server; the option is in microseconds.
	const stall = "30000000"
	switch scheme {
	case "http", "https":
		return protocol{allowed: "http,tcp"} // of the loopback interface
	case "rtmp", "rtmps":
		return protocol{allowed: "rtmp,tcp", options: []string{"-rw_timeout", stall}}
	case "rtsp", "rtsps":
		// Over TCP: UDP is lost behind most address translators.
		return protocol{
			allowed: "rtsp,rtp,tcp", formats: ",rtsp,sdp,rtp",
			options: []string{"-rtsp_transport", "tcp"},
		}
	case "srt":
		return protocol{allowed: "srt", options: []string{"-rw_timeout", stall}}
	}
	return protocol{}
}
