package source

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/playlist"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// bounds are what is chosen by where a playlist offers a programme in several forms.
func (s address) bounds() playlist.Bounds {
	return playlist.Bounds{
		Picture: s.opts.Tracks.Has(media.TrackVideo),
		Width:   s.opts.VideoWidth, Height: s.opts.VideoHeight, FPS: s.opts.VideoFPS,
	}
}

// programme opens what a playlist names, and releases the client when it is closed
// or cannot be opened.
func (s address) programme(
	ctx context.Context, env media.Env, u target, p *fetch.Programme, position time.Duration, release func(),
) (media.Stream, error) {
	err := error(nil)
	switch {
	case position > 0 && p.Live:
		err = fmt.Errorf("%w: the stream is live", models.ErrSeekUnsupported)
	case position > 0 && p.Duration > 0 && position >= p.Duration:
		err = fmt.Errorf("%w: nothing at %v of %v: %w", models.ErrFile, position, p.Duration, io.EOF)
	}
	if err != nil {
		release()
		return nil, err
	}
	open := func(ctx context.Context, i int) (media.Stream, error) {
		cmd := s.part(env, p, p.Parts[i], position)
		cmd.redact = u.unserve
		if len(p.Parts) == 1 {
			cmd.release = release
		}
		return encoderStream(openEncoder(ctx, env, cmd))
	}
	if len(p.Parts) == 1 {
		return open(ctx, 0)
	}
	ends := make([]time.Duration, len(p.Parts))
	for i, part := range p.Parts {
		ends[i] = part.End - position
	}
	return openSeries(ctx, ends, open, release)
}

// part is the command that plays a part of a programme from a position in it on.
func (s address) part(env media.Env, p *fetch.Programme, part fetch.Part, position time.Duration) command {
	outputs := s.form.outputs(s.opts)
	from := max(0, position-part.Start)
	var args []string
	switch {
	case !p.Segmented:
		args = encodeArgsOfDASH(from, dashInput(part.Address, from-preroll(from)), outputs)
	case part.Timed && from > 0:
		args = encodeArgsOfTimes(position+part.Offset, listInput(part.Address, 0), outputs)
	default:
		args = encodeArgsOfSegments(from, listInput(part.Address, 0), outputs)
	}
	cmd := s.command(env, args, from)
	cmd.inputErr, cmd.over = p.Err, p.Lost()
	return cmd
}
