package source

import (
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

// programme is the command that plays what a playlist names.
func (s address) programme(env media.Env, p *fetch.Programme, position time.Duration) (command, error) {
	switch {
	case position > 0 && p.Live:
		return command{}, fmt.Errorf("%w: the stream is live", models.ErrSeekUnsupported)
	case position > 0 && p.Duration > 0 && position >= p.Duration:
		return command{}, fmt.Errorf("%w: nothing at %v of %v: %w", models.ErrFile, position, p.Duration, io.EOF)
	}
	outputs := s.form.outputs(s.opts)
	args := encodeArgsOfDASH(position, dashInput(p.Address, position-preroll(position)), outputs)
	if p.Segmented {
		position -= p.Start
		args = encodeArgsOfSegments(position, listInput(p.Address, 0), outputs)
	}
	cmd := s.command(env, args, position)
	cmd.inputErr = p.Err
	return cmd, nil
}
