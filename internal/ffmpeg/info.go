package ffmpeg

import (
	"cmp"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

// SourceInfo returns what the input says of itself: its length by ffmpeg's log, and its
// tags by the output, to which ffmpeg copies them.
func (e *Encoder) SourceInfo() media.SourceInfo {
	tags := e.tags()
	info := media.SourceInfo{Title: tags.Title, Artist: tags.Artist, Album: tags.Album}
	if e.watch == nil || e.watch.tagsInTrack() {
		info.Title = cmp.Or(info.Title, tags.TrackTitle)
	}
	info.Title = cmp.Or(info.Title, container.Text([]byte(e.job.Name)))
	switch {
	case e.job.Live:
		info.Live = true
	case e.job.Length > 0:
		info.Duration = e.job.Length
	case e.job.timeless:
	case e.watch == nil:
		info.Duration = tags.Duration
	default:
		length, guessed := e.watch.length()
		info.Duration, info.Estimated = e.job.bounds.of(length, guessed)
		info.Live = length == 0 && e.job.liveUnlessFinite
	}
	return info
}

// tags are those of all outputs.
func (e *Encoder) tags() (t container.Tags) {
	for _, o := range e.outputs {
		if tags := o.tags.Load(); tags != nil {
			t = t.Or(*tags)
		}
	}
	return t
}

// SourceInfo returns what either command says, and the length of the longer one.
func (p *pair) SourceInfo() media.SourceInfo {
	info, pictures := p.sound.SourceInfo(), p.pictures.SourceInfo()
	info.Title = cmp.Or(info.Title, pictures.Title)
	info.Artist = cmp.Or(info.Artist, pictures.Artist)
	info.Album = cmp.Or(info.Album, pictures.Album)
	if info.Duration == 0 || pictures.Duration == 0 {
		info.Duration = 0
		return info
	}
	info.Duration = max(info.Duration, pictures.Duration)
	info.Estimated = info.Estimated || pictures.Estimated
	return info
}

// of returns where in the media the excerpt of inputs of a length ends, or 0 if that is
// not known, and whether it is an estimate.
func (e *excerpt) of(length time.Duration, guessed bool) (time.Duration, bool) {
	if e == nil {
		return length, guessed
	}
	end := unbounded
	for _, inputEnd := range e.inputEnds {
		if inputEnd == unbounded {
			end = unbounded
			break
		}
		end = max(end, inputEnd)
	}
	if e.outputEnd != unbounded && (end == unbounded || e.outputEnd < end) {
		end = e.outputEnd
	}
	switch {
	case end == unbounded, length > 0 && length <= end:
		return length, guessed
	case length == 0:
		return 0, false // the bound may be past the end
	}
	return end, false
}
