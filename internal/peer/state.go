package peer

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/models"
)

// stage is how far a connection has come towards media.
type stage int

const (
	noAnswer stage = iota
	noNomination
	handshake
)

// String returns what is missing.
func (s stage) String() string {
	switch s {
	case noAnswer:
		return "ice: the server answers none of our checks"
	case noNomination:
		return "ice: the server answers our checks but nominates no candidate pair"
	default:
		return "dtls: the handshake is not over"
	}
}

// stage returns how far the connection has come.
func (c *Conn) stage() stage {
	if s := c.pc.ICEConnectionState(); s != webrtc.ICEConnectionStateNew && s != webrtc.ICEConnectionStateChecking {
		return handshake
	}
	for _, s := range c.pc.GetStats() {
		if pair, ok := s.(webrtc.ICECandidatePairStats); ok && pair.ResponsesReceived > 0 {
			return noNomination
		}
	}
	return noAnswer
}

// life is how far the life of a connection has come, as far as it was reported.
type life struct {
	up, silent, over bool
	until            time.Time   // when a silent connection is over
	deadline         *time.Timer // then; nil before the first silence
}

// stateChanged looks at pion's state, on the queue of states.
func (c *Conn) stateChanged() { c.states.Post(c.advance) }

// advance turns pion's states into ours, until the connection is over. Before media can
// flow it reports nothing: [Dial] returns the error.
func (c *Conn) advance() {
	l := &c.life
	if l.over {
		return
	}
	switch state := c.pc.ConnectionState(); {
	case state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed:
		c.fail(c.failure(l.up, state))
	case state == webrtc.PeerConnectionStateConnected && !l.up:
		l.up = true
		close(c.connected)
	case state == webrtc.PeerConnectionStateConnected && l.silent:
		l.silent = false
		l.deadline.Stop()
		c.cfg.OnState(models.Connected, nil)
	case state == webrtc.PeerConnectionStateDisconnected && l.up && !l.silent:
		c.fallSilent()
	case state == webrtc.PeerConnectionStateDisconnected && l.silent && !time.Now().Before(l.until):
		c.fail(fmt.Errorf("%w: %w", models.ErrConnectionFailed, c.silenceError(c.cfg.Disconnected+c.cfg.Failed)))
	}
}

// fallSilent reports a silence, and looks again when it has lasted too long.
func (c *Conn) fallSilent() {
	quiet := c.silence()
	heard := time.Now().Add(-quiet)
	c.lastHeard.Store(&heard)
	l, left := &c.life, c.cfg.Disconnected+c.cfg.Failed-quiet
	l.silent, l.until = true, time.Now().Add(left)
	if l.deadline == nil {
		l.deadline = time.AfterFunc(left, c.stateChanged)
	} else {
		l.deadline.Reset(left)
	}
	c.cfg.OnState(models.Disconnected, c.silenceError(quiet))
}

// fail ends the connection for a reason, and reports it once media could flow.
func (c *Conn) fail(reason error) {
	c.life.over = true
	c.reason = reason
	close(c.failed)
	if c.life.up {
		c.cfg.OnState(models.Failed, reason)
	}
}

// Heard returns when the server was heard last before the latest Disconnected.
func (c *Conn) Heard() time.Time {
	if at := c.lastHeard.Load(); at != nil {
		return *at
	}
	return time.Now()
}

// silence returns for how long nothing came from the server, when pion has just found
// that it was longer than Disconnected. pion checks with each keepalive.
func (c *Conn) silence() time.Duration {
	var last time.Time
	for _, s := range c.pc.GetStats() {
		pair, ok := s.(webrtc.ICECandidatePairStats)
		if !ok {
			continue
		}
		for _, t := range []webrtc.StatsTimestamp{pair.LastPacketReceivedTimestamp, pair.LastResponseTimestamp, pair.LastRequestReceivedTimestamp} {
			if t.Time().After(last) {
				last = t.Time()
			}
		}
	}
	// The timestamps are wall time, which may have been set meanwhile.
	least := c.cfg.Disconnected
	return min(max(time.Since(last), least), least+c.cfg.Keepalive)
}

// silenceError returns why nothing may come from the server.
func (c *Conn) silenceError(d time.Duration) error {
	d = d.Round(100 * time.Millisecond)
	if local, gone := c.route.gone(); gone {
		return fmt.Errorf("the local address %s is gone, nothing heard from the server for %s", local, d)
	}
	return fmt.Errorf("nothing heard from the server for %s", d)
}

// failure returns which layer failed.
func (c *Conn) failure(up bool, state webrtc.PeerConnectionState) error {
	cert := c.pc.SCTP().Transport().GetRemoteCertificate()
	sum := sha256.Sum256(cert)
	switch {
	case up && state == webrtc.PeerConnectionStateClosed:
		return fmt.Errorf("%w: closed by the server", models.ErrConnectionFailed)
	case up:
		return fmt.Errorf("%w: dtls: the connection broke", models.ErrConnectionFailed)
	case cert != nil && fingerprint(sum) != c.announced:
		return fmt.Errorf("%w: dtls: the server's certificate has the fingerprint %s, announced was %s",
			models.ErrConnectionFailed, fingerprint(sum), c.announced)
	case state == webrtc.PeerConnectionStateClosed:
		return fmt.Errorf("%w: dtls: closed by the server before the handshake was over", models.ErrConnectionFailed)
	default:
		return fmt.Errorf("%w: dtls: the handshake failed", models.ErrConnectionFailed)
	}
}
