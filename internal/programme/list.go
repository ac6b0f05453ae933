package programme

import (
	"context"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
)

// Programme is the content of an HLS or DASH playlist. Its methods may be called from any
// goroutine.
type Programme struct {
	// Parts are played one after another, from the position on that was asked
	// for. There is at least one.
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
	// Offset is how far the media's own times are ahead of positions. Timed
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

// Open opens the content of a playlist. For HLS and DASH that is a programme within the
// bounds, from a position on. For a list of links, as of radio stations, it is a resource:
// the first that answers.
func Open(ctx context.Context, c *fetch.Client, r *fetch.Resource, b playlist.Bounds, position time.Duration) (*fetch.Resource, *Programme, error) {
	requests := maxLinks
	return openList(ctx, c, r, b, position, maxNesting, &requests)
}

func openList(
	ctx context.Context, c *fetch.Client, r *fetch.Resource, b playlist.Bounds, position time.Duration, depth int, requests *int,
) (*fetch.Resource, *Programme, error) {
	text, err := r.List(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read the playlist: %w", err)
	}
	switch playlist.Detect(text) {
	case playlist.HLS:
		p, err := openHLS(ctx, c, r.URL(), text, b, position)
		return nil, p, err
	case playlist.DASH:
		p, err := openDASH(c, r.URL(), text, b, position)
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
		var found *fetch.Resource
		var p *Programme
		if found, err = c.Open(ctx, link.String()); err == nil && found.Kind == fetch.Playlist {
			found, p, err = openList(ctx, c, found, b, position, depth-1, requests)
		}
		if err == nil || ctx.Err() != nil {
			return found, p, err
		}
	}
	return nil, nil, err // of the last one
}
