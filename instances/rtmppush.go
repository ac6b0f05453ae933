package instances

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/models"
)

const (
	// The time before a publication is tried again: a second, doubled up to
	// maxBackoff. It begins anew, as does the time that is allowed for it all,
	// when one has lasted for steady.
	firstBackoff = time.Second
	maxBackoff   = 8 * time.Second
	steady       = 10 * time.Second

	// maxBehind is how long a server may take nothing, see guard.
	maxBehind = 10 * time.Second
	// writeGrace and endGrace are what the end of a call leaves for a picture
	// that is being written, and for the end of the publication.
	writeGrace = 200 * time.Millisecond
	endGrace   = 500 * time.Millisecond
)

// push is one connection to the server; see rtmp.Push.
type push interface {
	publication
	Up() <-chan struct{}
	Done() <-chan struct{}
	Bytes() uint64
	Kill()
	Close(grace time.Duration) error
}

// publish keeps a publication going until the call ends, and ends it when none can
// be had for the time that is allowed.
func (r *RTMP) publish(comp *compositor) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	backoff, lost := firstBackoff, time.Now()
	for {
		up, err := r.publishOnce(comp)
		if r.life.Err() != nil {
			return
		}
		if !up.IsZero() && time.Since(up) >= steady {
			backoff, lost = firstBackoff, time.Now()
		}
		left := r.cfg.RTMPRetry - time.Since(lost)
		if left <= 0 {
			go r.end(err) // ends by itself; Stop waits for the same end
			return
		}
		r.cfg.Logger.Warn("rtmp publication lost, trying again", "server", r.target, "in", min(backoff, left), "err", err)
		timer.Reset(min(backoff, left))
		select {
		case <-timer.C:
		case <-r.life.Done():
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// publishOnce publishes over one connection. It returns when that was up, if it
// was, and why it is no more.
func (r *RTMP) publishOnce(comp *compositor) (up time.Time, err error) {
	p, err := r.dial(comp.format)
	if err != nil {
		return up, err
	}
	r.setPush(p)
	g := newGuard(p.Kill, r.cfg.ConnectTimeout)
	stop := context.AfterFunc(r.life, func() { g.limit(writeGrace) })
	err = comp.begin(p)
	if err == nil {
		select {
		case <-p.Up():
			up = time.Now()
			g.start(maxBehind, comp.at(1))
			comp.start(up)
			r.connected(comp)
			err = comp.run(r.life, p, g.taken)
			r.player.disconnect()
		case <-p.Done():
		case <-r.life.Done():
		}
	}
	stop()
	expired := g.stop()
	if end := p.Close(endGrace); end != nil {
		err = end
	}
	switch {
	case expired && up.IsZero():
		err = fmt.Errorf("%w: %w: the server has not taken the stream for %s", models.ErrConnectionFailed, models.ErrConnectionTimeout, r.cfg.ConnectTimeout)
	case expired:
		err = fmt.Errorf("%w: the server takes less than half of the pictures", models.ErrConnectionFailed)
	case err == nil:
		err = fmt.Errorf("%w: the publication ended", models.ErrConnectionFailed)
	}
	if !up.IsZero() {
		r.disconnected(err)
	}
	return up, err
}

func (r *RTMP) setPush(p push) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.push != nil {
		r.bytes += r.push.Bytes()
	}
	r.push = p
}

func (r *RTMP) connected(comp *compositor) {
	r.mu.Lock()
	if !r.ended {
		if r.since.IsZero() {
			r.since = time.Now()
		}
		r.tell(models.Connected, nil)
	}
	r.mu.Unlock()
	r.player.connect(comp.write)
}

func (r *RTMP) disconnected(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.tell(models.Disconnected, why)
	}
}

// guard kills a push that is out of time: at first the time to connect, then an
// allowance that runs down as time does and that each tick taken refills by two
// ticks. So a server that takes nothing, or for long less than half of what
// there is, is given up; one that is slow for a moment is not.
type guard struct {
	timer *time.Timer

	mu       sync.Mutex // guards what follows
	expired  bool
	most     time.Duration // of the allowance
	per      time.Duration // tick
	expires  time.Time
	stopping bool
}

func newGuard(kill func(), d time.Duration) *guard {
	g := &guard{expires: time.Now().Add(d)}
	g.timer = time.AfterFunc(d, func() {
		g.mu.Lock()
		g.expired = !g.stopping
		g.mu.Unlock()
		kill()
	})
	return g
}

// start replaces the time to connect by the allowance.
func (g *guard) start(most, tick time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most, g.per = most, tick
	g.set(time.Now().Add(most))
}

// taken says that a tick was taken.
func (g *guard) taken() {
	g.mu.Lock()
	defer g.mu.Unlock()
	refilled, full := g.expires.Add(2*g.per), time.Now().Add(g.most)
	if refilled.After(full) {
		refilled = full
	}
	g.set(refilled)
}

// limit leaves so much time, whatever else happens.
func (g *guard) limit(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(time.Now().Add(d))
	g.stopping = true
}

func (g *guard) set(expires time.Time) {
	if g.stopping {
		return
	}
	g.expires = expires
	g.timer.Reset(time.Until(expires))
}

// stop ends the guard. It reports whether it ran out of time.
func (g *guard) stop() bool {
	g.timer.Stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.expired
}
