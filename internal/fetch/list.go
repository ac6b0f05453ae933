package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

// Programme is what a playlist of HLS or DASH names.
type Programme struct {
	// Parts are what is to be played one after another, from the position on
	// that was asked for: at least one.
	Parts []Part
	// Segmented reports that it is HLS, whose list begins near the position
	// that was asked for; DASH is left whole.
	Segmented bool
	// Live reports that more of it is to come. It can be played from now on only.
	Live bool
	// Duration is how long it lasts, 0 if that is not known.
	Duration time.Duration

	loss *loss
}

// Part is a stretch of a programme that ffmpeg can read as one: it has one header,
// and its times go on.
type Part struct {
	// Address is where ffmpeg reads it.
	Address string
	// Start is the position of the first thing that Address gives out, and End
	// that where the next part begins; of the last one it means nothing.
	Start, End time.Duration
	// Offset is what the media's own times are ahead of positions, where Timed
	// reports that it is known.
	Offset time.Duration
	Timed  bool
}

// Err returns why the programme was lost, or nil.
func (p *Programme) Err() error { return p.loss.get() }

// Lost ends when the programme was lost and ffmpeg has read all there was before.
func (p *Programme) Lost() context.Context { return p.loss.over }

// The bounds of lists that only name other addresses.
const (
	maxNesting = 3
	maxLinks   = 10 // requests for all of them
)

// OpenList opens what a playlist names. For one of links, as radio stations have
// them, that is a resource: the first that answers. For HLS and DASH it is a
// programme inside the bounds, from a position on.
func (c *Client) OpenList(ctx context.Context, r *Resource, b playlist.Bounds, position time.Duration) (*Resource, *Programme, error) {
	requests := maxLinks
	return c.openList(ctx, r, b, position, maxNesting, &requests)
}

func (c *Client) openList(
	ctx context.Context, r *Resource, b playlist.Bounds, position time.Duration, depth int, requests *int,
) (*Resource, *Programme, error) {
	text, err := r.List(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the playlist: %w", err)
	}
	switch playlist.Detect(text) {
	case playlist.HLS:
		p, err := c.openHLS(ctx, r.URL(), text, b, position)
		return nil, p, err
	case playlist.DASH:
		p, err := c.openDASH(r.URL(), text, b, position)
		return nil, p, err
	}
	links, err := playlist.ParseLinks(text, r.URL())
	switch {
	case err != nil:
		return nil, nil, err
	case depth == 0:
		return nil, nil, fmt.Errorf("the playlist names playlists, more than %d deep", maxNesting)
	}
	for _, link := range links {
		if *requests--; *requests < 0 {
			return nil, nil, fmt.Errorf("the playlist leads to nothing within %d requests", maxLinks)
		}
		var found *Resource
		var p *Programme
		if found, err = c.Open(ctx, link.String()); err == nil && found.Kind == Playlist {
			found, p, err = c.openList(ctx, found, b, position, depth-1, requests)
		}
		if err == nil || ctx.Err() != nil {
			return found, p, err
		}
	}
	return nil, nil, err // of the last one
}

// errGone is an ffmpeg that no longer reads.
var errGone = errors.New("ffmpeg went away")

// pass gives a part of a resource to ffmpeg as it comes: from a byte on, a length
// of 0 is all from there. Header is called once, before the first byte. A
// connection that breaks is replaced, and bytes that come again are skipped.
func (c *Client) pass(w http.ResponseWriter, q *http.Request, u *url.URL, offset, length int64, header func(*Resource)) error {
	ctx := q.Context()
	at, fruitless := int64(0), 0
	for begun := false; ; {
		var r *Resource
		err := c.Retry(ctx, func(try context.Context) (err error) {
			r, err = c.OpenPart(try, u.String(), offset+at, max(length-at, 0))
			return err
		})
		if err != nil {
			return err
		}
		if r.Kind != Finite {
			r.Close()
			return errors.New("it is a playlist or a live stream")
		}
		if !begun {
			begun = true
			header(r)
		}
		n, err := r.copyTo(ctx, w)
		r.Close()
		at += n
		if fruitless++; n > 0 {
			fruitless = 0
		}
		if err == nil || errors.Is(err, errGone) || ctx.Err() != nil || fruitless == 3 {
			return err
		}
	}
}

// copyTo copies a resource from its beginning, and returns how many bytes of it.
func (r *Resource) copyTo(ctx context.Context, w http.ResponseWriter) (int64, error) {
	b := r.newReader(ctx, 0)
	defer b.Close()
	flush := http.NewResponseController(w)
	buffer := make([]byte, 32<<10)
	for total := int64(0); ; {
		n, err := b.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return total, errGone
			}
			if err := flush.Flush(); err != nil {
				return total, errGone
			}
			total += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
