package wire

import "time"

const (
	// settle is how long pictures that came back are sent before the path is
	// judged again: feedback has to come, and an old queue to drain.
	settle = 300 * time.Millisecond
	// Pictures come back after minRest at first, after twice as long each time
	// the path was congested again, at most after maxRest.
	minRest = 5 * time.Second
	maxRest = time.Minute
	// unwatchedFor is how long nobody has to watch before pictures are withheld:
	// Telegram's own clients follow a smaller request after 2 s, a larger one at
	// once.
	unwatchedFor = 2 * time.Second
)

// videoGate withholds pictures while the path is congested, as sound goes first, and
// while nobody watches. After either it opens at a key frame only.
type videoGate struct {
	congestion *Congestion
	closed     bool          // the path was congested
	until      time.Time     // when a closed gate may open
	opened     time.Time     // when it opened last
	rest       time.Duration // how long it was closed last
	dropped    uint64        // pictures withheld because the path was congested

	unwatched time.Time // since when nobody watches; zero while somebody does
	idle      bool      // pictures are withheld because nobody watches
	unseen    uint64    // pictures withheld because nobody watches
}

// admit reports whether a picture may be sent.
func (g *videoGate) admit(key bool, now time.Time) bool {
	g.congestion.record()
	if !g.unwatched.IsZero() && now.Sub(g.unwatched) >= unwatchedFor {
		g.idle = true
	} else if key {
		g.idle = false
	}
	if g.idle {
		g.unseen++
		return false
	}
	if g.closed && key && now.After(g.until) {
		g.closed, g.opened = false, now
	}
	if !g.closed && now.Sub(g.opened) > settle && g.congestion.congested(now) {
		if g.rest = min(2*g.rest, maxRest); g.rest == 0 || now.Sub(g.opened) > 2*maxRest {
			g.rest = minRest
		}
		g.closed, g.until = true, now.Add(g.rest)
	}
	if g.closed {
		g.dropped++
	}
	return !g.closed
}

// withholding reports whether the last picture was withheld.
func (g *videoGate) withholding() bool { return g.closed || g.idle }

// setWatched sets whether anybody watches.
func (g *videoGate) setWatched(watched bool, now time.Time) {
	switch {
	case watched:
		g.unwatched = time.Time{}
	case g.unwatched.IsZero():
		g.unwatched = now
	}
}
