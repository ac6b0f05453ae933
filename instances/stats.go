package instances

import "github.com/gotgcall/gotgcall/models"

// Stats returns what the call has done so far, over all its connections.
func (g *Group) Stats() models.Stats {
	g.mu.Lock()
	stats := models.Stats{State: g.state, ConnectedAt: g.since, ConnectTime: g.took}
	stats.Audio.SSRC, stats.Video.SSRC = g.id.AudioSSRC, g.id.Layers[0].SSRC
	up, old, before := g.link, g.old, g.before
	g.mu.Unlock()
	if up != nil {
		up.conn.Stats(&stats)
	}
	add(&stats, before)
	count(&stats, old)
	g.player.Stats(&stats)
	return stats
}

// count adds the counters of a connection, if there is one.
func count(to *models.Stats, l *link) {
	if l == nil {
		return
	}
	var s models.Stats
	l.conn.Stats(&s)
	add(to, s)
}

// add adds the counters of what came before.
func add(to *models.Stats, s models.Stats) {
	for _, stream := range []struct {
		to *models.StreamStats
		s  models.StreamStats
	}{{&to.Audio, s.Audio}, {&to.Video, s.Video}} {
		stream.to.Packets += stream.s.Packets
		stream.to.Bytes += stream.s.Bytes
		stream.to.Retransmitted += stream.s.Retransmitted
		stream.to.Lost += stream.s.Lost
	}
	to.PicturesShed += s.PicturesShed
	to.PicturesUnwatched += s.PicturesUnwatched
	to.FramesLate += s.FramesLate
	to.ClockMoves += s.ClockMoves
	to.SourceRestarts += s.SourceRestarts
}
