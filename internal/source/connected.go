package source

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// connect opens a URL of a protocol that ffmpeg speaks: rtmp, rtsp or srt. It is live,
// and reopened when it ends, unless the server announces its length.
func (s address) connect(ctx context.Context, env media.Env, u ffmpeg.InputURL) (media.Stream, error) {
	stream, finite, err := s.connectOnce(ctx, env, u)
	if err != nil || finite {
		return stream, err
	}
	return newReopening(env, stream, func(ctx context.Context, _ time.Duration) (media.Stream, error) {
		stream, _, err := s.connectOnce(ctx, env, u)
		return stream, err
	}), nil
}

func (s address) connectOnce(ctx context.Context, env media.Env, u ffmpeg.InputURL) (stream media.Stream, finite bool, err error) {
	r, err := routeTo(ctx, env, u)
	if err != nil {
		return nil, false, err
	}
	s.Sound = s.Sound.Live()
	job := s.Connected(u, r.url, r.tcURL)
	job.Release = r.release
	e, err := s.starter.Open(ctx, env, job)
	if err != nil {
		return nil, false, err
	}
	return e, !e.SourceInfo().Live, nil
}

// route is the address by which ffmpeg reaches a server.
type route struct {
	url     string
	tcURL   string // what an RTMP server is called, if not url
	release func() // may be nil
}

// routeTo returns the route to a server. A connection that a policy has to see, or TLS
// to protect, goes through a forwarder of this process, which ffmpeg takes for the
// server; srt, a protocol that only ffmpeg knows, goes to a numeric address.
func routeTo(ctx context.Context, env media.Env, u ffmpeg.InputURL) (route, error) {
	secure := u.Scheme == "rtmps" || u.Scheme == "rtsps"
	if env.URLPolicy == nil && !secure {
		return route{url: u.URL}, nil
	}
	parsed, err := url.Parse(u.URL)
	if err != nil {
		return route{}, fmt.Errorf("%w: the URL is malformed", models.ErrInvalidParams)
	}
	port := cmp.Or(parsed.Port(), defaultPort(u.Scheme))
	if u.Scheme == "srt" {
		return routeSRT(ctx, env, parsed, port)
	}
	plain := strings.TrimSuffix(u.Scheme, "s")
	// The words by which the two protocols send a client to another server.
	hide := map[string]string{"rtmp": "redirect", "rtsp": "location:"}[plain]
	f, err := fetch.Forward(ctx, fetchConfig(env), net.JoinHostPort(parsed.Hostname(), port), secure, hide)
	switch {
	case ctx.Err() != nil:
		return route{}, ctx.Err()
	case err != nil:
		return route{}, fmt.Errorf("%w: %w", models.ErrFile, err)
	}
	r := route{release: func() { _ = f.Close() }}
	if plain == "rtmp" {
		// The server's own name: ffmpeg would send the forwarder's.
		r.tcURL = u.Scheme + "://" + parsed.Host + "/" + rtmpApp(parsed.Path)
	}
	parsed.Scheme, parsed.Host = plain, f.Address
	r.url = parsed.String()
	return r, nil
}

func routeSRT(ctx context.Context, env media.Env, u *url.URL, port string) (route, error) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return route{}, fmt.Errorf("%w: want the port of an srt server", models.ErrInvalidParams)
	}
	var address netip.AddrPort
	address, err = fetch.Resolve(ctx, fetch.Policy(env.URLPolicy), "udp", u.Hostname(), uint16(number))
	if err != nil {
		return route{}, fmt.Errorf("%w: %w", models.ErrFile, err)
	}
	u.Host = address.String()
	return route{url: u.String()}, nil
}

// defaultPort is the port of a URL without one; srt has none.
func defaultPort(scheme string) string {
	switch scheme {
	case "rtmp":
		return "1935"
	case "rtmps":
		return "443"
	case "rtsp":
		return "554"
	case "rtsps":
		return "322"
	}
	return ""
}

// rtmpApp returns the part of a path that names an application, as ffmpeg splits it:
// two segments of three or more, one of two.
func rtmpApp(path string) string {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	return strings.Join(names[:min(len(names), max(1, min(2, len(names)-1)))], "/")
}
