package programme

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
)

// dash serves a description, and the fragments on the servers that it names.
type dash struct {
	// immutable
	client  *fetch.Client
	bounds  playlist.Bounds
	address *url.URL // of the description

	lost *loss

	mu      sync.Mutex // guards the rest
	base    string     // our address
	name    string     // the description's own path beneath it
	texts   [][]byte   // what is left of it, one for each period
	origins []string
	live    bool
	loaded  time.Time
	missing int // answers in a row that something does not exist
}

// maxMissing is how many fragments in a row may not exist: ffmpeg rounds up how
// many there are, of the picture and of the sound.
const maxMissing = 4

// openDASH serves the programme of a description.
func openDASH(c *fetch.Client, base *url.URL, text []byte, b playlist.Bounds, position time.Duration) (*Programme, error) {
	d := &dash{client: c, bounds: b, address: base, lost: newLoss()}
	p, err := playlist.ParseDASH(text, base, b)
	if err != nil {
		return nil, err
	}
	own, err := c.Handle(d)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.base = own
	d.mu.Unlock()
	origin, path := playlist.Split(base)
	address := d.local(origin) + path
	d.mu.Lock()
	d.name = strings.TrimPrefix(address, own)
	d.mu.Unlock()
	if err := d.keep(p); err != nil {
		return nil, err
	}
	return &Programme{Parts: d.addresses(address, p.Lengths, position), Live: p.Live, Duration: p.Duration, loss: d.lost}, nil
}

// local returns the loopback address that stands for a server.
func (d *dash) local(origin *url.URL) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, known := range d.origins {
		if known == origin.String() {
			return d.base + "/" + strconv.Itoa(i)
		}
	}
	d.origins = append(d.origins, origin.String())
	return d.base + "/" + strconv.Itoa(len(d.origins)-1)
}

// keep replaces the description that is served.
func (d *dash) keep(p *playlist.Presentation) error {
	d.mu.Lock()
	if d.live {
		p.Lengths = p.Lengths[:1] // ffmpeg goes on with what it has
	}
	d.mu.Unlock()
	texts, err := p.Write(d.local)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts, d.live, d.loaded = texts, p.Live, time.Now()
	return err
}

// addresses returns the parts of the programme from a position on, one for each period.
func (d *dash) addresses(address string, lengths []time.Duration, position time.Duration) []Part {
	var parts []Part
	start := time.Duration(0)
	for i, length := range lengths {
		p := Part{Address: address, Start: start, End: start + length}
		if start = p.End; len(lengths) > 1 {
			p.Address = address + periodMark(address) + strconv.Itoa(i)
		}
		if position < p.End || i == len(lengths)-1 {
			parts = append(parts, p)
		}
	}
	return parts
}

// periodMark stands before the number of a period at the end of the description's
// address, where what it names is not relative to it.
func periodMark(address string) string {
	if strings.Contains(address, "?") {
		return "&period="
	}
	return "?period="
}

// ServeHTTP answers ffmpeg.
func (d *dash) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	d.mu.Lock()
	_, own, _ := strings.Cut(strings.TrimPrefix(d.base, "http://"), "/")
	description := d.name
	d.mu.Unlock()
	name := strings.TrimPrefix(q.RequestURI, "/"+own)
	if part, ok := d.period(name, description); ok {
		d.serveDescription(w, q, part)
		return
	}
	number, path, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	i, err := strconv.Atoi(number)
	d.mu.Lock()
	known := err == nil && i >= 0 && i < len(d.origins)
	var address string
	if known {
		address = d.origins[i] + "/" + path
	}
	d.mu.Unlock()
	u, err := url.Parse(address)
	if !known || err != nil {
		http.NotFound(w, q)
		return
	}
	d.serveFragment(w, q, u)
}

// period returns the number of the period that an address asks for, if it is the
// description's.
func (d *dash) period(name, description string) (int, bool) {
	if name == description {
		return 0, true
	}
	number, ok := strings.CutPrefix(name, description+periodMark(description))
	i, err := strconv.Atoi(number)
	d.mu.Lock()
	defer d.mu.Unlock()
	return i, ok && err == nil && i >= 0 && i < len(d.texts)
}

func (d *dash) serveDescription(w http.ResponseWriter, q *http.Request, period int) {
	d.mu.Lock()
	text, live, wait := d.texts[period], d.live, leastPoll-time.Since(d.loaded)
	d.mu.Unlock()
	if live && d.lost.get() != nil {
		d.lost.refuse(w, q)
		return
	}
	if live && wait < 0 {
		var err error
		if text, err = d.reload(q.Context()); err != nil {
			if q.Context().Err() == nil {
				d.lost.set(fmt.Errorf("the live playlist was lost: %w", err))
			}
			panic(http.ErrAbortHandler)
		}
	}
	w.Header().Set("Content-Type", "application/dash+xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

func (d *dash) reload(ctx context.Context) ([]byte, error) {
	err := d.client.Retry(ctx, func(ctx context.Context) error {
		r, err := d.client.Open(ctx, d.address.String())
		if err != nil {
			var status *fetch.StatusError
			if errors.As(err, &status) && status.Code != http.StatusGone {
				return transient{err}
			}
			return fetch.Unexpected(err)
		}
		defer r.Close()
		text, err := r.List(ctx)
		if err != nil {
			return err
		}
		p, err := playlist.ParseDASH(text, d.address, d.bounds)
		if err != nil {
			return err
		}
		return d.keep(p)
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.texts[0], err
}

// serveFragment sends a fragment, or a range of one, to ffmpeg.
func (d *dash) serveFragment(w http.ResponseWriter, q *http.Request, u *url.URL) {
	if d.lost.get() != nil {
		d.lost.refuse(w, q)
		return
	}
	offset, length, ranged := fetch.RangeOf(q.Header.Get("Range"))
	begun := false
	err := d.await(q.Context(), &begun, func() error {
		return d.client.Pass(w, q, u, offset, length, func(part *fetch.Resource) {
			begun = true
			fragmentHeader(w, part, offset, ranged)
		})
	})
	switch {
	case errors.Is(err, fetch.ErrGone), q.Context().Err() != nil:
	default:
		d.note(err)
	}
	switch {
	case err == nil:
	case begun:
		panic(http.ErrAbortHandler)
	default:
		http.NotFound(w, q)
	}
}

// fragmentHeader writes the header of an answer with a fragment.
func fragmentHeader(w http.ResponseWriter, part *fetch.Resource, offset int64, ranged bool) {
	w.Header()["Content-Type"] = nil
	if part.Size < 0 {
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(part.Size, 10))
	if ranged {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", offset, offset+part.Size-1, total(part)))
		w.WriteHeader(http.StatusPartialContent)
	}
}

// maxAhead is how long before its time a fragment may be asked for: live ones last 2
// to 6 s.
const maxAhead = 8 * time.Second

// await passes a fragment. One of a live programme may be asked for before there is
// one: ffmpeg does not wait for the description to announce it, and passes over what
// does not exist.
func (d *dash) await(ctx context.Context, begun *bool, pass func() error) error {
	d.mu.Lock()
	live := d.live
	d.mu.Unlock()
	deadline := time.Now().Add(maxAhead)
	for {
		err := pass()
		if !live || *begun || !missing(err) || time.Now().After(deadline) || fetch.Pause(ctx, leastPoll) != nil {
			return err
		}
	}
}

// missing reports whether something does not exist.
func missing(err error) bool {
	var status *fetch.StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// note records the result of a fragment. One that does not exist may be beyond the end.
func (d *dash) note(err error) {
	absent := missing(err)
	d.mu.Lock()
	if d.missing++; !absent {
		d.missing = 0
	}
	passable := err == nil || absent && d.missing <= maxMissing || d.live
	d.mu.Unlock()
	if !passable {
		d.lost.set(fmt.Errorf("a fragment of the playlist: %w", err))
	}
}

// total returns the length of the whole of which a resource is a part, for a header.
func total(part *fetch.Resource) string {
	if part.Whole < 0 {
		return "*"
	}
	return strconv.FormatInt(part.Whole, 10)
}
