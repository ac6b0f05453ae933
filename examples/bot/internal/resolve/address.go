package resolve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

const (
	sniffed   = 512 // bytes; what net/http looks at
	userAgent = "gotgcall-bot/1"
)

// answer is what a server says of an address.
type answer struct {
	status int
	kind   kind
	name   string // of the file or station
	live   bool
}

// kind is what an address serves.
type kind int

const (
	webPage  kind = iota // or anything else that only yt-dlp can make something of
	playable             // directly
	useless              // to a player
)

// address returns the tracks of an address.
func (r *Resolver) address(ctx context.Context, u *url.URL, q track.Request) ([]track.Track, error) {
	if err := r.refusedHost(ctx, u); err != nil {
		return nil, err
	}
	a, err := r.ask(ctx, u)
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return nil, refuse("There is nothing at that address.", nil)
	case a.status < 300 && a.kind == playable:
		return []track.Track{direct(u, a)}, nil
	case a.status < 300 && a.kind == useless:
		return nil, refuse("There is no music or video at that address.", nil)
	case r.cfg.Pages == nil || errors.Is(r.cfg.Pages.Err(), ytdlp.ErrMissing):
		if a.status >= 300 {
			return nil, refuse(fmt.Sprintf("The server answers %d %s.", a.status, http.StatusText(a.status)), nil)
		}
		return nil, refuse(wordsNoPages, ytdlp.ErrMissing)
	}
	limit := r.cfg.MaxTracks
	if q.Max > 0 {
		limit = min(limit, q.Max)
	}
	found, err := r.cfg.Pages.Lookup(ctx, q.Chat, written(u), limit)
	if err != nil {
		return nil, err
	}
	return r.entries(found)
}

// direct returns the track of media at an address.
func direct(u *url.URL, a answer) track.Track {
	name := withoutExtension(u.Path)
	if strings.HasPrefix(strings.ToLower(name), "index") || name == "stream" || name == "playlist" {
		name = "" // of all files of a kind
	}
	link := written(u)
	return track.Track{
		Title: title(a.name, name, u.Hostname()), Live: a.live, Link: link,
		Origin: track.Origin{URL: link},
	}
}

// ask asks a server what is at an address. It reads no more than it needs.
func (r *Resolver) ask(ctx context.Context, u *url.URL) (answer, error) {
	leave, err := enter(ctx, r.asking)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ask)
	defer cancel()
	got, err := r.get(ctx, u, fmt.Sprintf("bytes=0-%d", sniffed-1))
	if err == nil && got.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		got.Body.Close()
		got, err = r.get(ctx, u, "") // an empty file, or a server that wants none of it
	}
	switch {
	case err != nil && strings.Contains(err.Error(), `"ICY`): // the status line of SHOUTcast, which is not HTTP
		return answer{status: http.StatusOK, kind: playable, live: true}, nil
	case err != nil:
		return answer{}, err
	}
	defer got.Body.Close()
	if got.StatusCode == http.StatusOK && got.ContentLength == 0 {
		return answer{}, refuse(wordsEmptyFile, nil)
	}
	head := make([]byte, sniffed)
	n, err := io.ReadFull(got.Body, head)
	if err != nil && n == 0 && ctx.Err() != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return describe(got, head[:n]), nil
}

func (r *Resolver) get(ctx context.Context, u *url.URL, ranges string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, refuse(wordsMalformed, nil)
	}
	request.Header.Set("User-Agent", userAgent)
	if ranges != "" {
		request.Header.Set("Range", ranges)
	}
	answer, err := r.cfg.Guard.Client().Do(request)
	var whole *url.Error
	if errors.As(err, &whole) {
		return nil, fmt.Errorf("%w: %w", errNoAnswer, whole.Err) // without the address
	}
	return answer, err
}

// errNoAnswer is the error of a server that gives no answer.
var errNoAnswer = errors.New("ask for an address")

// describe reads an answer.
func describe(got *http.Response, head []byte) answer {
	a := answer{status: got.StatusCode, kind: kindOf(got.Header.Get("Content-Type"), head)}
	if _, params, err := mime.ParseMediaType(got.Header.Get("Content-Disposition")); err == nil {
		a.name = withoutExtension(params["filename"])
	}
	for name := range got.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "icy-") || strings.HasPrefix(lower, "ice-") {
			a.live = got.ContentLength < 0
			if a.kind == webPage {
				a.kind = playable
			}
		}
	}
	if station := telegram.Clean(got.Header.Get("Icy-Name"), telegram.MaxTitle); station != "" && a.name == "" {
		a.name = station
	}
	return a
}

// lists are the types of playlists, which are played directly.
var lists = map[string]bool{
	"application/vnd.apple.mpegurl": true, "application/x-mpegurl": true, "application/mpegurl": true,
	"application/dash+xml": true, "application/x-scpls": true, "application/pls+xml": true,
	"application/ogg": true, "application/mp4": true, "application/x-matroska": true, "application/vnd.rn-realmedia": true,
}

// pages are the types that yt-dlp is asked about. Others that are neither these nor media
// are judged by their first bytes.
var pages = map[string]bool{
	"text/html": true, "application/xhtml+xml": true, "application/json": true, "text/xml": true, "application/xml": true,
	"application/rss+xml": true, "application/atom+xml": true,
}

// kindOf returns what an answer is by its type, and by its first bytes where the type
// says little.
func kindOf(contentType string, head []byte) kind {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		t, _, _ = strings.Cut(contentType, ";")
		t = strings.ToLower(strings.TrimSpace(t))
	}
	main, _, _ := strings.Cut(t, "/")
	switch {
	case main == "audio", main == "video", lists[t], signature(head):
		return playable
	case pages[t]:
		return webPage
	case main == "image", main == "font", t == "application/pdf", t == "application/zip", t == "text/css", t == "text/javascript":
		return useless
	case main == "text":
		return webPage
	}
	switch sniffed := http.DetectContentType(head); {
	case strings.HasPrefix(sniffed, "text/html"):
		return webPage
	case strings.HasPrefix(sniffed, "image/"), strings.HasPrefix(sniffed, "font/"), sniffed == "application/pdf":
		return useless
	}
	return playable // bytes of some kind: ffmpeg will say
}

// signature reports whether bytes begin as media or a playlist does.
func signature(head []byte) bool {
	s := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	for _, begin := range []string{"#EXTM3U", "[playlist]", "ID3", "OggS", "fLaC", "\x1aE\xdf\xa3", "FLV\x01"} {
		if len(s) >= len(begin) && strings.EqualFold(s[:len(begin)], begin) {
			return true
		}
	}
	switch t := http.DetectContentType(head); {
	case strings.HasPrefix(t, "audio/"), strings.HasPrefix(t, "video/"), t == "application/ogg":
		return true
	}
	return strings.Contains(s, "<MPD") && strings.Contains(s, "urn:mpeg:dash")
}

// entries returns the tracks of what yt-dlp found. Entries that cannot be played are left
// out, unless there are no others.
func (r *Resolver) entries(found []ytdlp.Entry) ([]track.Track, error) {
	var tracks []track.Track
	var last error
	for _, e := range found {
		u, err := parseAddress(e.URL)
		switch {
		case err != nil:
			last = err
		case e.Live:
			last = refuse("That is a live stream on a page. Send the address of the stream itself.", nil)
		case e.Length > r.cfg.MaxLength:
			last = r.tooLong()
		default:
			link := written(u)
			tracks = append(tracks, track.Track{
				Title: title(e.Title, u.Hostname()), Artist: telegram.Clean(e.Artist, telegram.MaxTitle),
				Length: e.Length, Link: link, Origin: track.Origin{Page: link},
			})
		}
	}
	if len(tracks) == 0 {
		return nil, last
	}
	return tracks, nil
}
