package programme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
)

// hls serves the media playlists of a programme, one or a second for its sound,
// and the resources they name.
type hls struct {
	client *fetch.Client
	lists  []*hlsList
	first  int // the part that holds the position
	lost   *loss
	handed playlist.Variables // by the list of lists
}

// hlsList is one media playlist.
type hlsList struct {
	// immutable
	address *url.URL
	kind    string // the extension of segments whose names do not say it
	place   place  // where it begins, if it has an end
	parts   []int  // the segments that begin the parts that are served apart

	mu     sync.Mutex // guards the rest
	media  *playlist.Media
	loaded time.Time
	served bool
}

// leastPoll is the least time between two requests for a live list: ffmpeg asks as
// often as the list's own durations say.
const leastPoll = 500 * time.Millisecond

// openHLS opens an HLS list, which may be a list of lists.
func openHLS(
	ctx context.Context, c *fetch.Client, base *url.URL, text []byte, b playlist.Bounds, position time.Duration,
) (*Programme, error) {
	h := &hls{client: c, lost: newLoss()}
	list, err := playlist.ParseHLS(text, base, nil)
	switch {
	case err != nil:
		return nil, err
	case list.Media != nil:
		err = h.add(ctx, base, list.Media, position)
	default:
		err = h.choose(ctx, base, list.Master, b, position)
	}
	if err != nil {
		return nil, err
	}
	h.split()
	p := &Programme{Segmented: true, loss: h.lost}
	for _, l := range h.lists {
		p.Live = p.Live || !l.media.Ended
		p.Duration = max(p.Duration, l.media.Duration())
	}
	p.Parts = h.parts()
	if p.Live {
		p.Parts[0].Start, p.Duration = 0, 0 // nothing is located in it
	}
	// From here on whoever asks for a list may replace it.
	address, err := c.Handle(h)
	if err != nil {
		return nil, err
	}
	for i := range p.Parts {
		p.Parts[i].Address = address + p.Parts[i].Address
	}
	return p, nil
}

// choose opens the variant of a list of lists that is to be played.
func (h *hls) choose(ctx context.Context, base *url.URL, m *playlist.Master, b playlist.Bounds, position time.Duration) error {
	h.handed = m.Variables
	choice, err := m.Choose(b, base)
	if err != nil {
		return err
	}
	for _, u := range []*url.URL{choice.Main, choice.Sound} {
		if u == nil {
			continue
		}
		media, found, err := load(ctx, h.client, u, m.Variables)
		if err == nil {
			err = h.add(ctx, found, media, position)
		}
		if err != nil {
			return fmt.Errorf("a list of the playlist: %w", err)
		}
	}
	return nil
}

// add adds a media playlist, beginning with the segment that holds a position.
func (h *hls) add(ctx context.Context, address *url.URL, m *playlist.Media, position time.Duration) error {
	l := &hlsList{address: address, media: m, loaded: time.Now(), kind: ".ts"}
	if m.Ended {
		l.place = locate(ctx, h.client, m, position)
	}
	if i := m.Unnamed(); i >= 0 && m.Segments[i].Key == nil {
		r, err := m.Find(strconv.FormatInt(m.Sequence+int64(i), 10))
		if err != nil {
			return err
		}
		if kind := segmentKind(ctx, h.client, r); kind != "" {
			l.kind = kind
		}
	}
	h.lists = append(h.lists, l)
	return ctx.Err()
}

// segmentKind returns the kind of a segment by its beginning, or "" if it cannot be read:
// serving the segment will then fail with a better error.
func segmentKind(ctx context.Context, c *fetch.Client, r playlist.Resource) string {
	length := int64(playlist.SegmentHead)
	if r.Length > 0 {
		length = min(length, r.Length)
	}
	segment, err := c.OpenPart(ctx, r.URL.String(), r.Offset, length)
	if err != nil {
		return ""
	}
	defer segment.Close()
	b := segment.NewReader(ctx)
	defer b.Close()
	head, _ := io.ReadAll(io.LimitReader(b, length)) // what came is as good
	return playlist.SegmentKind(head)
}

// load fetches a media playlist, and returns the address where it was found.
func load(ctx context.Context, c *fetch.Client, u *url.URL, handed playlist.Variables) (*playlist.Media, *url.URL, error) {
	r, err := c.Open(ctx, u.String())
	if err != nil {
		return nil, nil, fetch.Unexpected(err)
	}
	defer r.Close()
	text, err := r.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, err := playlist.ParseHLS(text, r.URL(), handed)
	if err == nil && list.Media == nil {
		err = errors.New("it is a list of lists")
	}
	return list.Media, r.URL(), err
}

// ServeHTTP answers ffmpeg.
func (h *hls) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	number, name, inList := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	if !inList {
		part, ok := partOf(number)
		if !ok {
			http.NotFound(w, q)
			return
		}
		writeList(w, fmt.Appendf(nil, "#EXTM3U\n"+
			`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,AUTOSELECT=YES,URI="1/list%[1]d.m3u8"`+"\n"+
			`#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"`+"\n0/list%[1]d.m3u8\n", part))
		return
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(h.lists) {
		http.NotFound(w, q)
		return
	}
	if part, ok := partOf(name); ok && part >= h.first && part < len(h.lists[i].parts) {
		h.serveList(w, q, h.lists[i], part)
		return
	}
	h.serveResource(w, q, h.lists[i], name)
}

// partOf returns the number of the part that the name of a list asks for.
func partOf(name string) (int, bool) {
	number, ok := strings.CutPrefix(name, "list")
	part, err := strconv.Atoi(strings.TrimSuffix(number, ".m3u8"))
	return part, ok && err == nil
}

func writeList(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

// serveList sends a part of a list to ffmpeg; of a live list, the server's newest.
func (h *hls) serveList(w http.ResponseWriter, q *http.Request, l *hlsList, part int) {
	if q.Method == http.MethodHead {
		writeList(w, nil)
		return
	}
	l.mu.Lock()
	media, fresh, wait := l.media, !l.served || l.media.Ended, leastPoll-time.Since(l.loaded)
	l.served = true
	l.mu.Unlock()
	if !fresh && h.lost.get() != nil {
		h.lost.refuse(w, q)
		return
	}
	if !fresh {
		var err error
		if media, err = h.reload(q.Context(), l, wait); err != nil {
			if q.Context().Err() == nil {
				h.lost.set(fmt.Errorf("the live playlist was lost: %w", err))
			}
			panic(http.ErrAbortHandler)
		}
	}
	from, to := l.parts[part], len(media.Segments)
	if part == h.first {
		from = l.place.index
	}
	if part+1 < len(l.parts) {
		to = l.parts[part+1]
	}
	writeList(w, media.Write(from, to, l.kind))
}

// transient makes an error that looks permanent worth a repetition: a server answers 404
// for a live list while it restarts.
type transient struct{ error }

// reload fetches a live list again, for as long as the client's patience lasts.
func (h *hls) reload(ctx context.Context, l *hlsList, wait time.Duration) (*playlist.Media, error) {
	if err := fetch.Pause(ctx, wait); err != nil {
		return nil, err
	}
	var media *playlist.Media
	err := h.client.Retry(ctx, func(ctx context.Context) (err error) {
		media, _, err = load(ctx, h.client, l.address, h.handed)
		var status *fetch.StatusError
		if errors.As(err, &status) && status.Code != http.StatusGone || errors.Is(err, playlist.ErrMalformed) {
			return transient{err}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.media, l.loaded = media, time.Now()
	return media, nil
}

// serveResource sends a segment, a key or a map to ffmpeg.
func (h *hls) serveResource(w http.ResponseWriter, q *http.Request, l *hlsList, name string) {
	l.mu.Lock()
	media := l.media
	l.mu.Unlock()
	r, err := media.Find(name)
	switch {
	case h.lost.get() != nil:
		h.lost.refuse(w, q)
		return
	case errors.Is(err, playlist.ErrMalformed):
		http.NotFound(w, q) // a live list has gone on without it
		return
	case err == nil && r.URL == nil:
		_, _ = w.Write(r.Data)
		return
	}
	begun := false
	if err == nil {
		err = h.client.Pass(w, q, r.URL, r.Offset, r.Length, func(part *fetch.Resource) {
			begun = true
			w.Header()["Content-Type"] = nil
			if part.Size >= 0 {
				w.Header().Set("Content-Length", strconv.FormatInt(part.Size, 10))
			}
		})
	}
	switch {
	case err == nil:
		return
	case !errors.Is(err, fetch.ErrGone) && q.Context().Err() == nil:
		h.failed(media, r, err)
	}
	if begun {
		panic(http.ErrAbortHandler)
	}
	http.NotFound(w, q)
}

// failed records a resource that could not be fetched. A live programme continues without
// a segment.
func (h *hls) failed(m *playlist.Media, r playlist.Resource, err error) {
	switch {
	case r.Segment < 0:
		h.lost.set(fmt.Errorf("a key or the header of the playlist's segments: %w", err))
	case m.Ended || errors.Is(err, playlist.ErrRefused):
		h.lost.set(fmt.Errorf("segment %d of the playlist: %w", r.Segment, err))
	}
}
