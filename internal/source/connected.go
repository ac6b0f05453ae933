package source

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// connect opens what ffmpeg speaks itself: rtmp, rtsp and srt. It is live, unless
// the server says how long it lasts: then its end is its end.
func (s address) connect(ctx context.Context, env media.Env, u target) (media.Stream, error) {
	stream, finite, err := s.connectOnce(ctx, env, u)
	if err != nil || finite {
		return stream, err
	}
	return newReopening(env, stream, func(ctx context.Context, _ time.Duration) (media.Stream, error) {
		stream, _, err := s.connectOnce(ctx, env, u)
		return stream, err
	}), nil
}

func (s address) connectOnce(ctx context.Context, env media.Env, u target) (stream media.Stream, finite bool, err error) {
	way, err := routeTo(ctx, env, u)
	if err != nil {
		return nil, false, err
	}
	input := slices.Concat(way.options, connectedInput(u.scheme, way.url, s.opts.Tracks))
	cmd := s.command(env, commandLine(watchedArgs(), input, 0, s.form.outputs(s.opts)), 0)
	cmd.seek = seeking{inputs: 1} // how long it lasts
	cmd.redact = func(line string) string { return u.redact(strings.ReplaceAll(line, way.url, u.public)) }
	cmd.lost = func(line string) bool {
		return strings.HasPrefix(line, way.url+": ") || strings.Contains(line, "Error during demuxing")
	}
	cmd.release = way.release
	e, err := openEncoder(ctx, env, cmd)
	if err != nil {
		return nil, false, err
	}
	return e, e.watch.finite(), nil
}

// route is how ffmpeg gets to a server.
type route struct {
	url     string
	options []string // input options
	release func()   // may be nil
}

// route finds the way to a server. What a policy has to see or TLS to protect goes
// through a forwarder of this process, which ffmpeg takes for the server; srt, of
// which only ffmpeg knows the protocol, to a numeric address.
func routeTo(ctx context.Context, env media.Env, u target) (route, error) {
	secure := u.scheme == "rtmps" || u.scheme == "rtsps"
	if env.URLPolicy == nil && !secure {
		return route{url: u.url}, nil
	}
	parsed, err := url.Parse(u.url)
	if err != nil {
		return route{}, fmt.Errorf("%w: the URL is malformed", models.ErrInvalidParams)
	}
	port := cmp.Or(parsed.Port(), defaultPort(u.scheme))
	if u.scheme == "srt" {
		return routeSRT(ctx, env, parsed, port)
	}
	plain := strings.TrimSuffix(u.scheme, "s")
	// The words by which the two protocols send a client to another server.
	hide := map[string]string{"rtmp": "redirect", "rtsp": "location:"}[plain]
	f, err := fetch.Forward(ctx, fetchConfig(env), net.JoinHostPort(parsed.Hostname(), port), secure, hide)
	switch {
	case ctx.Err() != nil:
		return route{}, ctx.Err()
	case err != nil:
		return route{}, fmt.Errorf("%w: %w", models.ErrFile, err)
	}
	way := route{release: func() { _ = f.Close() }}
	if plain == "rtmp" {
		// What the server is called there, whatever ffmpeg takes it for.
		way.options = []string{"-rtmp_tcurl", u.scheme + "://" + parsed.Host + "/" + rtmpApp(parsed.Path)}
	}
	parsed.Scheme, parsed.Host = plain, f.Address
	way.url = parsed.String()
	return way, nil
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

// rtmpApp is the part of a path that names an application, as ffmpeg parts it: two
// names of three and more, one of two.
func rtmpApp(path string) string {
	names := strings.Split(strings.TrimPrefix(path, "/"), "/")
	return strings.Join(names[:min(len(names), max(1, min(2, len(names)-1)))], "/")
}

// connectedInput reads a URL by a protocol that ffmpeg speaks.
func connectedInput(scheme, address string, tracks media.Track) []string {
	p := protocols(strings.TrimSuffix(scheme, "s"))
	args := slices.Concat(limits(), []string{"-protocol_whitelist", p.allowed, "-format_whitelist", formats + p.formats}, p.options)
	if strings.HasPrefix(scheme, "rtmp") {
		args = append(args, "-analyzeduration", analyze(tracks))
	}
	return append(args, "-i", address)
}

// analyze is how many microseconds of FLV ffmpeg waits for tracks that have not
// begun: it does not say that there is no picture. What a track is, RTMP sends
// ahead of it.
func analyze(tracks media.Track) string {
	if tracks.Has(media.TrackVideo) {
		return "2500000"
	}
	return "1000000"
}
