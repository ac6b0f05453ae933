package source

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/playlist"
	"github.com/gotgcall/gotgcall/internal/programme"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// bounds returns the limits within which a variant of a playlist is chosen.
func (s address) bounds() playlist.Bounds {
	return playlist.Bounds{
		Picture: s.Options.Tracks.Has(media.TrackVideo),
		Width:   s.Options.VideoWidth, Height: s.Options.VideoHeight, FPS: s.Options.VideoFPS,
	}
}

// programme opens the programme of a playlist. It calls release when the stream is closed
// or cannot be opened.
func (s address) programme(
	ctx context.Context, env media.Env, u ffmpeg.InputURL, p *programme.Programme, position time.Duration, release func(),
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
		job := s.part(p, p.Parts[i], position)
		job.Redact = unserve(u)
		if len(p.Parts) == 1 {
			job.Release = release
		}
		return encoderStream(s.starter.Open(ctx, env, job))
	}
	if len(p.Parts) == 1 {
		return open(ctx, 0)
	}
	// Parts have an end, and so the speed that was asked for.
	ends := make([]time.Duration, len(p.Parts))
	for i, part := range p.Parts {
		ends[i] = s.Sound.Played(part.End - position)
	}
	return openSeries(ctx, ends, open, release)
}

// part returns the job that plays a part of a programme, from a position of the programme.
func (s address) part(p *programme.Programme, part programme.Part, position time.Duration) ffmpeg.Job {
	if p.Live {
		s.Sound = s.Sound.Live()
	}
	s.Sound.Loudness = 0 // it would be that of its parts
	from := max(0, position-part.Start)
	var job ffmpeg.Job
	switch {
	case !p.Segmented:
		job = s.Described(part.Address, from)
	case part.Timed && from > 0:
		job = s.Timed(part.Address, from, position+part.Offset)
	default:
		job = s.Segments(part.Address, from)
	}
	job.InputErr, job.Over = p.Err, p.Lost()
	job.Live, job.Length = p.Live, p.Duration
	return job
}
