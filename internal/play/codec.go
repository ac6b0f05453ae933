package play

import (
	"context"

	"github.com/gotgcall/gotgcall/media"
)

// A source that would give H.264 is opened before anybody knows whether the server takes
// it. If it does not, the source is opened once more, for VP8, just as it is for another
// sound; until then its pictures are dropped by the sink, and its sound is played.

// SetVP8Only says whether pictures have to be VP8: those of later sources, and those of
// the current and the next one, which are reopened in the background if need be. What is
// VP8 already stays so.
func (p *Player) SetVP8Only(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.vp8Only == on || p.closed != nil {
		return
	}
	p.vp8Only = on
	p.sounds++ // sessions that could not be reopened are tried again
	if !on || !p.givesH264() {
		return
	}
	p.sessions.Add(1)
	go func() { // ends when nothing is left to reopen, or by Shut; Close waits for it
		defer p.sessions.Done()
		p.tuning <- struct{}{} // its holder ends by Shut, too
		defer func() { <-p.tuning }()
		if err := p.tuneAll(context.Background()); err != nil && !p.isClosed() {
			p.cfg.Env.Logger.Warn("the server takes no H.264, and the source cannot be reopened as VP8: its pictures are not sent", "err", err)
		}
	}()
}

// givesH264 reports whether H.264 is played, waits, or is being opened. mu must be held.
func (p *Player) givesH264() bool {
	for _, s := range []*session{p.current, p.next} {
		if s != nil && s.h264 {
			return true
		}
	}
	return p.opening != nil && p.opening.h264() || p.openingNext != nil && p.openingNext.h264()
}

// h264 reports whether the source that is being opened gives H.264.
func (o *opening) h264() bool {
	raw, ok := o.source.(media.RawSource)
	return ok && !o.vp8Only && o.source.Tracks().Has(media.TrackVideo) && raw.Encoding().VideoEncoder.Codec() == media.CodecH264
}

func (p *Player) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed != nil
}
