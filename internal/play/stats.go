package play

import (
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
		stats.Tracks = append(stats.Tracks, kinds(s.tracks)...)
	}
	stats.FramesLate += total.late
	stats.ClockMoves += total.moves
	stats.SourceRestarts += total.restarts
}

// kinds are the public names of tracks, video first.
func kinds(tracks media.Track) (kinds []models.StreamType) {
	if tracks.Has(media.TrackVideo) {
		kinds = append(kinds, models.Video)
	}
	if tracks.Has(media.TrackAudio) {
		kinds = append(kinds, models.Audio)
	}
	return kinds
}
