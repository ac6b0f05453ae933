package peer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// bindingRequests is how often a pair is checked before it is given up:
	// 30 s at pion's 200 ms. The server answers errors or nothing until the
	// join has reached its media node, and pion's 7 would be over by then.
	bindingRequests = 150
	// A controlled agent concludes that the server never nominates when its
	// checks have succeeded for unnominated, and it has tried for liteAfter in
	// all. Full agents nominate at once or, by the default of pion's, a second
	// after the first answer. Both leave room for the other role within the
	// connect timeout.
	unnominated = 2 * time.Second
	liteAfter   = 3 * time.Second
	// litePoll is how often it looks.
	litePoll = 250 * time.Millisecond
	// channelWait bounds the wait for the data channel once DTLS is up. Some
	// servers read no RTP before it is open; others never answer SCTP.
	channelWait = 500 * time.Millisecond
)

// Conn is a connection to the server that is up.
type Conn struct {
	// immutable after dialAs
	cfg          Config
	announced    string // the server's certificate, by its fingerprint
	way          route
	epoch        time.Time
	pc           *webrtc.PeerConnection
	log          *pionLog
	wire         *wire
	lease        *lease
	audio, video *Track

	poke      chan struct{} // state may have changed
	connected chan struct{} // closed when first connected
	failed    chan struct{} // closed when lost for good
	stop      chan struct{} // closed by Close
	closing   sync.Once
	done      sync.WaitGroup

	reason error // why failed; written before failed is closed
}

// errNoNomination: checks succeed but the server, an ICE-lite one, never
// nominates a pair.
var errNoNomination = errors.New("the server nominates no candidate pair")

// Dial connects and returns when media can flow. It blocks until then, until ctx
// ends, whose cause it returns, or until the connection has failed with
// ErrConnectionFailed. The caller must Close the connection.
//
// We start as the controlled agent, as Telegram's own clients do. A server that
// is ICE-lite leaves the nomination to us: then the connection is built again as
// the controlling agent, with the same identity.
func Dial(ctx context.Context, id *Identity, r *jsonparams.Response, cfg Config) (*Conn, error) {
	way, err := routeTo(ctx, cfg.usable(r.Transport.Candidates))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	routed := *r
	routed.Transport.Candidates = way.candidates

	c, err := dialAs(ctx, id, &routed, way, cfg, false)
	if errors.Is(err, errNoNomination) {
		cfg.Logger.Debug("ice-lite server: taking the controlling role")
		c, err = dialAs(ctx, id, &routed, way, cfg, true)
	}
	return c, err
}

func dialAs(ctx context.Context, id *Identity, r *jsonparams.Response, way route, cfg Config, controlling bool) (*Conn, error) {
	c := &Conn{
		cfg:       cfg,
		announced: r.Transport.Fingerprint,
		way:       way,
		epoch:     time.Now(),
		log:       &pionLog{logger: cfg.Logger, on: cfg.DebugLogs},
		poke:      make(chan struct{}, 1),
		connected: make(chan struct{}),
		failed:    make(chan struct{}),
		stop:      make(chan struct{}),
	}
	c.audio = newAudioTrack(id.AudioSSRC, c.epoch)
	c.video = newVideoTrack(id.Layers[0], c.epoch)
	c.wire = &wire{epoch: c.epoch}
	c.video.gate.estimate = &c.wire.estimate
	if cfg.Sockets != nil {
		var err error
		if c.lease, err = cfg.Sockets.take(way); err != nil {
			return nil, err
		}
	}
	opened, err := c.open(id, r, way, controlling)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", models.ErrConnectionFailed, err), c.Close())
	}
	if err := c.await(ctx, opened, controlling); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.done.Add(1)
	go c.maintain() // ends on stop; Close waits on done
	return c, nil
}

// open builds the PeerConnection and starts connecting. The channel it returns
// closes when the data channel is open.
func (c *Conn) open(id *Identity, r *jsonparams.Response, way route, controlling bool) (<-chan struct{}, error) {
	api, err := newAPI(id, r, way, c)
	if err != nil {
		return nil, err
	}
	c.pc, err = api.NewPeerConnection(webrtc.Configuration{
		Certificates: []webrtc.Certificate{id.certificate},
		ICEServers:   iceServers(c.cfg.ICEServers),
	})
	if err != nil {
		return nil, fmt.Errorf("peer connection: %w", err)
	}
	c.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) {
		// pion calls from a goroutine of its own for each change, in any
		// order; the watcher reads the state itself.
		select {
		case c.poke <- struct{}{}:
		default:
		}
	})
	c.done.Add(1)
	go c.watch() // ends on stop or failure; Close waits on done

	for _, t := range []*Track{c.audio, c.video} {
		_, err := c.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
			SendEncodings: []webrtc.RTPEncodingParameters{
				{RTPCodingParameters: webrtc.RTPCodingParameters{SSRC: webrtc.SSRC(t.ssrc)}},
			},
		})
		if err != nil {
			return nil, fmt.Errorf("%s track: %w", t.kind, err)
		}
	}

	// Telegram's clients open stream 0 whatever the DTLS role would assign.
	stream := uint16(0)
	channel, err := c.pc.CreateDataChannel("data", &webrtc.DataChannelInit{ID: &stream})
	if err != nil {
		return nil, fmt.Errorf("data channel: %w", err)
	}
	opened := make(chan struct{})
	channel.OnOpen(sync.OnceFunc(func() { close(opened) }))

	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer(r, controlling)}
	if err := c.pc.SetRemoteDescription(remote); err != nil {
		return nil, fmt.Errorf("apply answer: %w", err)
	}
	local, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if err := c.pc.SetLocalDescription(local); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return opened, nil
}

// await waits until media can flow.
func (c *Conn) await(ctx context.Context, opened <-chan struct{}, controlling bool) error {
	var lite <-chan time.Time
	if !controlling {
		ticker := time.NewTicker(litePoll)
		defer ticker.Stop()
		lite = ticker.C
	}
	var succeeding time.Time // since when the checks are answered
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.failed:
			return c.reason
		case <-lite:
			switch {
			case c.pc.ICEConnectionState() != webrtc.ICEConnectionStateChecking:
				// Not yet, or nominated already.
			case succeeding.IsZero():
				if c.checksSucceed() {
					succeeding = time.Now()
				}
			case time.Since(succeeding) >= unnominated && time.Since(c.epoch) >= liteAfter:
				return errNoNomination
			}
		case <-c.connected:
			return c.awaitChannel(ctx, opened)
		}
	}
}

func (c *Conn) awaitChannel(ctx context.Context, opened <-chan struct{}) error {
	timer := time.NewTimer(channelWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.failed:
		return c.reason
	case <-timer.C:
		c.cfg.Logger.Debug("the server opened no data channel in time")
	case <-opened:
	}
	return nil
}

// checksSucceed reports whether the server answers our connectivity checks.
func (c *Conn) checksSucceed() bool {
	for _, s := range c.pc.GetStats() {
		if pair, ok := s.(webrtc.ICECandidatePairStats); ok && pair.ResponsesReceived > 0 {
			return true
		}
	}
	return false
}

// watch turns pion's states into ours, until the connection is over.
func (c *Conn) watch() {
	defer c.done.Done()
	last := models.Connecting
	for {
		select {
		case <-c.stop:
			return
		case <-c.poke:
		}
		now, over := last, false
		switch c.pc.ConnectionState() {
		case webrtc.PeerConnectionStateConnected:
			now = models.Connected
		case webrtc.PeerConnectionStateDisconnected:
			now = models.Disconnected
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			now, over = models.Failed, true
		}
		if now == last {
			continue
		}
		first := last == models.Connecting
		last = now
		if over {
			c.reason = c.failure()
			close(c.failed)
		}
		switch {
		case !first:
			c.cfg.OnState(now, c.reason)
		case now == models.Connected:
			close(c.connected)
		}
		if over {
			return
		}
	}
}

// failure says which floor gave way.
func (c *Conn) failure() error {
	select {
	case <-c.connected:
		silent := c.cfg.Disconnected + c.cfg.Failed
		if c.pc.ICEConnectionState() != webrtc.ICEConnectionStateFailed {
			return fmt.Errorf("%w: closed by the server", models.ErrConnectionFailed)
		}
		if local, gone := c.way.gone(); gone {
			return fmt.Errorf("%w: the local address %s is gone, nothing heard for %s", models.ErrConnectionFailed, local, silent)
		}
		return fmt.Errorf("%w: nothing heard from the server for %s", models.ErrConnectionFailed, silent)
	default:
	}
	if c.pc.ICEConnectionState() == webrtc.ICEConnectionStateFailed {
		return fmt.Errorf("%w: ice: the server answers none of our checks", models.ErrConnectionFailed)
	}
	cert := c.pc.SCTP().Transport().GetRemoteCertificate()
	if sum := sha256.Sum256(cert); cert != nil && fingerprint(sum) != c.announced {
		return fmt.Errorf("%w: dtls: the server's certificate has the fingerprint %s, announced was %s",
			models.ErrConnectionFailed, fingerprint(sum), c.announced)
	}
	return fmt.Errorf("%w: dtls: the handshake failed", models.ErrConnectionFailed)
}

// Audio is the Opus stream.
func (c *Conn) Audio() *Track { return c.audio }

// Video is the VP8 stream.
func (c *Conn) Video() *Track { return c.video }

// Close says goodbye to the server, closes the sockets and waits for every
// goroutine of the connection. It is idempotent.
func (c *Conn) Close() error {
	var err error
	c.closing.Do(func() {
		close(c.stop)
		if c.pc != nil {
			err = c.pc.GracefulClose()
		}
		c.done.Wait()
		err = errors.Join(err, c.lease.Close())
	})
	return err
}
