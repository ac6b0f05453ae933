package wire

import "time"

const (
	// settle is how long a picture that came back is sent before it is judged:
	// feedback has to come, and an old queue to drain.
	settle = 300 * time.Millisecond
	// The picture comes back after minRest at first, after twice as long each
	// time it was too much again, at most after maxRest.
	minRest = 5 * time.Second
	maxRest = time.Minute
	// unwatchedFor is how long nobody has to watch before pictures are withheld:
	// Telegram's own clients follow a lower wish after 2 s, a higher one at once.
	unwatchedFor = 2 * time.Second
)

// gate holds pictures back while the way is full, as sound goes first, and while
// nobody watches. After either it opens for a key frame only. It is owned by the
// video track.
type gate struct {
	estimate *Congestion
	closed   bool          // the way was full
	until    time.Time     // when a closed gate may open
	opened   time.Time     // when it opened last
	rest     time.Duration // how long it stays closed next
	shed     uint64        // pictures held back because the way was full

	unwatched time.Time // since when nobody watches; zero while somebody does
	idle      bool      // pictures are withheld for that
	unseen    uint64    // pictures withheld for that
}

// admit reports whether a picture may be sent.
func (g *gate) admit(key bool, now time.Time) bool {
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
	if !g.closed && now.Sub(g.opened) > settle && g.estimate.full(now) {
		if g.rest = min(2*g.rest, maxRest); g.rest == 0 || now.Sub(g.opened) > 2*maxRest {
			g.rest = minRest
		}
		g.closed, g.until = true, now.Add(g.rest)
	}
	if g.closed {
		g.shed++
	}
	return !g.closed
}

// shut reports whether the last picture was held back.
func (g *gate) shut() bool { return g.closed || g.idle }

// watch takes whether anybody watches.
func (g *gate) watch(watched bool, now time.Time) {
	switch {
	case watched:
		g.unwatched = time.Time{}
	case g.unwatched.IsZero():
		g.unwatched = now
	}
}
