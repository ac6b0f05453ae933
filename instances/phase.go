package instances

import (
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

// phase is where a WebRTC call stands; doc.go draws how it moves.
type phase int

const (
	created     phase = iota // waits for Connect
	restoring                // opens what remains of a lost call
	connecting               // for the first time
	connected                // or lost for a moment, or about to end
	rejoinAsked              // connected, or lost; waits for the Connect of a rejoin
	rejoining                // connecting again while the old connection is there, or was
	ended
)

func (p phase) String() string {
	return [...]string{"created", "being restored", "connecting", "connected", "asked to rejoin", "rejoining", "over"}[p]
}

// linkChanged receives the states of a connection after it was up. It must not wait
// for the connection, so a failure is cleaned up on a goroutine of its own.
func (g *Group) linkChanged(l *link, state models.ConnState, reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.state, l.why = state, reason
	if state == models.Failed {
		l.state, l.lost, l.lostAt = models.Disconnected, reason, time.Now()
	}
	if l != g.link || g.phase == ended {
		return // not the call's yet, or replaced
	}
	switch state {
	case models.Failed:
		g.linkLost(l)
	case models.Disconnected:
		g.silent(l)
	case models.Connected:
		g.player.Audible()
		if g.phase != rejoining {
			g.tell(state, nil)
		}
	}
}

// silent keeps the place that playback had when the server was last heard. mu must
// be held.
func (g *Group) silent(l *link) {
	g.player.Silence(l.conn.Heard())
	if g.phase != rejoining {
		g.tell(models.Disconnected, l.why)
	}
}

// linkLost holds playback when a new connection is on its way, since the server
// drops a participant who joins again; else it ends the call. mu must be held.
func (g *Group) linkLost(l *link) {
	left := time.Until(g.patience)
	if g.phase != rejoining && (g.phase != rejoinAsked || left <= 0) {
		go g.end(l.lost) // ends by itself; Stop waits for the same end
		return
	}
	g.tell(models.Disconnected, l.lost)
	g.player.Disconnect()
	if g.phase == rejoinAsked {
		g.wait(left)
	}
}

// wait ends the call at a time from now if it then still waits, for its first
// Connect or for one that replaces a lost connection. mu must be held.
func (g *Group) wait(d time.Duration) {
	g.deadline = time.Now().Add(d)
	if g.timer == nil {
		g.timer = time.AfterFunc(d, func() { g.endFor(g.overdue) }) // stopped by the end; Stop waits for the same end
		return
	}
	g.timer.Reset(d)
}

// overdue returns why the call has waited for too long, or nil. mu must be held.
func (g *Group) overdue() error {
	switch {
	case g.deadline.IsZero() || time.Now().Before(g.deadline):
		return nil
	case g.phase == created:
		return fmt.Errorf("%w: no Connect for %s", models.ErrConnectionTimeout, unconnectedFor)
	case g.phase == rejoinAsked:
		return g.link.lost
	}
	return nil
}

// tell reports a state of the connection and the reason for it, but not that it is
// Disconnected still. mu must be held, which keeps the reports in order.
func (g *Group) tell(state models.ConnState, why error) {
	if state == models.Disconnected && g.state == state {
		return
	}
	g.state = state
	g.events.Connection(models.NetworkInfo{State: state, Err: why})
}

// Stop ends the call for a reason and waits until nothing of it is left. It may
// be called in any phase, any number of times. It reports whether it was what
// ended the call.
func (g *Group) Stop(reason error) bool { return g.end(reason) }

func (g *Group) end(reason error) bool { return g.endFor(func() error { return reason }) }

// endFor tears the call down if why, which is called with mu held, gives a reason:
// its last events first, with which the chat is free, then media, then transport.
func (g *Group) endFor(why func() error) bool {
	g.mu.Lock()
	if g.phase == ended {
		g.mu.Unlock()
		<-g.over
		return false
	}
	reason := why()
	if reason == nil {
		g.mu.Unlock()
		return false
	}
	was, last, abort := g.phase, g.link, g.abort
	g.phase, g.reason = ended, reason
	if g.timer != nil {
		g.timer.Stop()
	}
	g.mu.Unlock()
	defer g.events.Gone()
	defer close(g.over)

	g.events.Ended(g.leave(was, reason), func() { g.tellEnd(was, reason) })
	if abort != nil {
		abort(reason)
	}
	g.player.Close(reason)
	g.dial.Wait()
	if last != nil {
		if err := last.conn.Close(); err != nil {
			g.cfg.Logger.Debug("close connection", "err", err)
		}
	}
	return true
}

// leave returns what a rejoin would go on with, or nil when there is nothing to
// rejoin: the call was never connected, or ended on purpose.
func (g *Group) leave(was phase, reason error) *Remains {
	g.mu.Lock()
	from, link := g.remains, g.link
	var lost time.Time
	switch {
	case onPurpose(reason) || link == nil && from == nil:
		g.mu.Unlock()
		return nil
	case link == nil:
		lost = from.Lost
	case link.lost != nil:
		lost = link.lostAt
	default:
		lost = time.Now()
	}
	g.mu.Unlock()
	if was == restoring {
		return from
	}
	return &Remains{Snapshot: g.player.Snapshot(), Lost: lost, Stats: g.Stats()}
}

// tellEnd reports the end of the source and of the connection. Nothing is reported
// after it. A call that could not be restored leaves no word: Rejoin returns why.
func (g *Group) tellEnd(was phase, reason error) {
	g.player.Shut(reason)
	if was == restoring && !onPurpose(reason) {
		return
	}
	info := finalState(reason)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell(info.State, info.Err)
}

// onPurpose reports whether Stop or Close is the reason of an end.
func onPurpose(reason error) bool {
	return errors.Is(reason, models.ErrStopped) || errors.Is(reason, models.ErrClosed)
}

// finalState returns the last event of a connection that ended for a reason.
func finalState(reason error) models.NetworkInfo {
	switch {
	case onPurpose(reason):
		return models.NetworkInfo{State: models.Closed}
	case errors.Is(reason, models.ErrConnectionTimeout):
		return models.NetworkInfo{State: models.Timeout, Err: reason}
	}
	return models.NetworkInfo{State: models.Failed, Err: reason}
}
