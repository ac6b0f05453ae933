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

// watch turns pion's states into ours, until the connection is over. Before media
// can flow it reports nothing: [Dial] returns the error.
func (c *Conn) watch() {
	defer c.done.Done()
	var up, silent bool
	deadline := time.NewTimer(0) // of a silent connection
	deadline.Stop()
	defer deadline.Stop()
	for {
		expired := false
		select {
		case <-c.stop:
			return
		case <-deadline.C:
			expired = silent
		case <-c.stateChanged:
		}
		switch state := c.pc.ConnectionState(); {
		case state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed:
			c.fail(up, c.failure(up, state))
			return
		case state == webrtc.PeerConnectionStateConnected && !up:
			up = true
			close(c.connected)
		case state == webrtc.PeerConnectionStateConnected && silent:
			silent = false
			deadline.Stop()
			c.cfg.OnState(models.Connected, nil)
		case state == webrtc.PeerConnectionStateDisconnected && up && !silent:
			silent = true
			quiet := c.silence()
			heard := time.Now().Add(-quiet)
			c.lastHeard.Store(&heard)
			deadline.Reset(c.cfg.Disconnected + c.cfg.Failed - quiet)
			c.cfg.OnState(models.Disconnected, c.silenceError(quiet))
		case state == webrtc.PeerConnectionStateDisconnected && expired:
			c.fail(up, fmt.Errorf("%w: %w", models.ErrConnectionFailed, c.silenceError(c.cfg.Disconnected+c.cfg.Failed)))
			return
		}
	}
}

// fail ends the connection for a reason, and reports it once media could flow.
func (c *Conn) fail(up bool, reason error) {
	c.reason = reason
	close(c.failed)
	if up {
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
