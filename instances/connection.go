package instances

import (
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// connection is one connection of a group call. The fields below conn are guarded by
// the call's mu.
type connection struct {
	id      *peer.Identity
	vp8Only bool       // the server takes no H.264; set with conn
	conn    *peer.Conn // set before the connection is in use
	state   models.ConnState
	why     error     // the reason of state
	lost    error     // why the connection failed; nil while it lives
	lostAt  time.Time // when it failed
}

// write is the player's sink. A frame without data is a time in which nothing is sent.
func (l *connection) write(f media.Frame, due time.Time) {
	if len(f.Data) == 0 {
		return
	}
	// A write fails when the connection is lost, which stateChanged reports.
	switch {
	case f.Track == media.TrackAudio:
		_ = l.conn.Audio().WriteFrame(f.Data, due)
	case f.Codec == media.CodecH264:
		_ = l.conn.Video().WriteH264(f.Data, due)
	default:
		_ = l.conn.Video().WriteFrame(f.Data, due)
	}
}

// addStats adds the counters of a connection, if there is one.
func (l *connection) addStats(to *models.Stats) {
	if l == nil {
		return
	}
	var s models.Stats
	l.conn.Stats(&s)
	add(to, s)
}

// add adds counters.
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

// stateChanged receives the states of a connection after it was up. It must not wait
// for the connection, so the end of the call has a goroutine.
func (g *group) stateChanged(l *connection, state models.ConnState, reason error) {
	c := g.call
	c.mu.Lock()
	defer c.mu.Unlock()
	l.state, l.why = state, reason
	if state == models.Failed {
		l.state, l.lost, l.lostAt = models.Disconnected, reason, time.Now()
	}
	if l != g.conn || c.phase == ended {
		return // not in use yet, or replaced
	}
	switch state {
	case models.Failed:
		g.connectionLost(l)
	case models.Disconnected:
		g.silent(l)
	case models.Connected:
		c.player.Audible()
		if c.phase != rejoining {
			c.report(state, nil)
		}
	}
}

// silent keeps the place that playback had at the server's last sign of life. The
// call's mu must be held.
func (g *group) silent(l *connection) {
	c := g.call
	c.player.Silence(l.conn.Heard())
	if c.phase != rejoining {
		c.report(models.Disconnected, l.why)
	}
}

// connectionLost holds playback when a new connection is on its way, since the server
// drops a participant who joins again; else it ends the call. The call's mu must be
// held.
func (g *group) connectionLost(l *connection) {
	c, left := g.call, time.Until(g.patience)
	if c.phase != rejoining && (c.phase != rejoinAsked || left <= 0) {
		go c.Stop(l.lost) // ends by itself; Stop waits for the same end
		return
	}
	c.report(models.Disconnected, l.lost)
	c.player.Disconnect()
	if c.phase == rejoinAsked {
		g.wait(left)
	}
}

// wait ends the call at a time from now if it then still waits, for its first
// Connect or for one that replaces a lost connection. The call's mu must be held.
func (g *group) wait(d time.Duration) {
	g.deadline = time.Now().Add(d)
	if g.timer == nil {
		g.timer = time.AfterFunc(d, func() { g.call.end(g.overdue) }) // stopped by Close; Stop waits for the same end
		return
	}
	g.timer.Reset(d)
}

// overdue returns why the call has waited for too long, or nil. The call's mu must be
// held.
func (g *group) overdue() error {
	phase := g.call.phase
	switch {
	case g.deadline.IsZero() || time.Now().Before(g.deadline):
		return nil
	case phase == created:
		return fmt.Errorf("%w: no Connect for %s", models.ErrConnectionTimeout, unconnectedFor)
	case phase == rejoinAsked:
		return g.conn.lost
	}
	return nil
}
