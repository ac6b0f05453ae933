package play

import (
	"iter"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// counters are those of sessions that are over.
type counters struct{ late, moves, restarts uint64 }

// add adds the counters of a session.
func (c *counters) add(s *session) {
	c.late += s.late.Load()
	c.moves += s.moves.Load()
	if stream, ok := s.stream.(interface{ Restarts() uint64 }); ok {
		c.restarts += stream.Restarts()
	}
}

// Stats fills in the tracks of the current source and adds what has been counted
// over all sources.
func (p *Player) Stats(stats *models.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := p.count
	if s := p.current; s != nil {
		total.add(s)
		for t := range kinds(s.tracks) {
			stats.Tracks = append(stats.Tracks, t)
		}
	}
	stats.FramesLate += total.late
	stats.ClockMoves += total.moves
	stats.SourceRestarts += total.restarts
}

// reportEnd reports the end of each track of a source. mu must be held.
func (p *Player) reportEnd(tracks media.Track, err error) {
	for t, device := range kinds(tracks) {
		p.events.StreamEnd(t, device, err)
	}
}

// kinds are the public names of tracks, video first.
func kinds(tracks media.Track) iter.Seq2[models.StreamType, models.Device] {
	return func(yield func(models.StreamType, models.Device) bool) {
		if tracks.Has(media.TrackVideo) && !yield(models.Video, models.Camera) {
			return
		}
		if tracks.Has(media.TrackAudio) {
			yield(models.Audio, models.Microphone)
		}
	}
}
