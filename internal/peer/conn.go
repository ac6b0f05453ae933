package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"

	"github.com/gotgcall/gotgcall/internal/serial"
	"github.com/gotgcall/gotgcall/internal/wire"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// unanswered is how long checks may go without any answer before the other
	// ICE role is taken: pion/ice up to 4.0.10 drops checks of its own role
	// without a word. It is repeated until the connect timeout, as a server that
	// has not yet learned of the join answers nothing either.
	unanswered = 3500 * time.Millisecond
	// unnominated is how long checks may succeed without a nomination before
	// the other role is taken: a lite agent (RFC 8445 section 2.5) never
	// nominates. Full agents do at once or, by pion's default, a second after
	// the first answer.
	unnominated = 2 * time.Second
	// rolePoll is how often both are checked.
	rolePoll = 250 * time.Millisecond
	// channelWait bounds the wait for the data channel once DTLS is up. Some
	// servers read no RTP before it is open; others never answer SCTP.
	channelWait = 500 * time.Millisecond
)

// Conn is a connection to the server. Its methods are safe for concurrent use.
type Conn struct {
	// immutable after newConn
	cfg          Config
	announced    string // the server's certificate, by its fingerprint
	route        route
	pc           *webrtc.PeerConnection
	lease        *lease // of sockets
	reception    *reception
	congestion   *wire.Congestion
	audio, video *wire.Sender

	opened    chan datachannel.ReadWriteCloser // yields the data channel once it is open
	connected chan struct{}                    // closed when first connected
	failed    chan struct{}                    // closed when lost for good
	closing   sync.Once
	done      sync.WaitGroup

	states serial.Queue // looks at pion's state
	life   life         // owned by states

	// owned by the upkeep
	reported time.Time // when sender reports were sent last
	pictures uint64    // how many bytes of pictures had been sent by then
	shown    time.Time // when there were more of them last

	lastHeard atomic.Pointer[time.Time] // from the server, before a silence; nil before the first silence
	reason    error                     // why failed; written before failed is closed
}

// errOtherRole is returned by an attempt that gets nowhere in its ICE role.
var errOtherRole = errors.New("the server does not go on with this ICE role")

// dialer connects to one server.
type dialer struct {
	id       *Identity
	response *jsonparams.Response
	route    route
	cfg      Config
	reached  stage // by the attempt that came furthest
}

// Dial connects and returns when media can flow. It blocks until then, until ctx
// ends, whose cause it returns, or until the connection has failed with
// [models.ErrConnectionFailed]. Nothing but ctx limits how long the server may
// take. The caller must Close the connection.
//
// We start as the controlled agent, as Telegram's own clients do. A server that
// does not go on with that may be ICE-lite, or controlled itself: the connection is
// built again in the other role, with the same identity, and so on by turns.
func Dial(ctx context.Context, id *Identity, r *jsonparams.Response, cfg Config) (*Conn, error) {
	route, err := routeTo(ctx, cfg.usable(r.Transport.Candidates))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	d := dialer{id: id, response: r, route: route, cfg: cfg}
	for controlling := false; ; controlling = !controlling {
		c, err := d.dial(ctx, controlling)
		switch {
		case errors.Is(err, errOtherRole):
			cfg.Logger.Debug("taking the other ICE role", "controlling", !controlling, "reached", d.reached)
		case errors.Is(err, models.ErrConnectionTimeout):
			return nil, fmt.Errorf("%w: %s", err, d.reached)
		default:
			return c, err
		}
	}
}

// dial makes one attempt, in one role.
func (d *dialer) dial(ctx context.Context, controlling bool) (*Conn, error) {
	c, err := d.newConn()
	if err != nil {
		return nil, err
	}
	if err := c.start(offer(d.response, d.route.candidates, controlling)); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", models.ErrConnectionFailed, err), c.Close())
	}
	stage, err := c.await(ctx)
	d.reached = max(d.reached, stage)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.cfg.Upkeep.add(c)
	return c, nil
}

// newConn returns a connection that does nothing yet. The caller must Close it.
func (d *dialer) newConn() (*Conn, error) {
	wants := new(reception)
	sockets, err := d.cfg.Sockets.lease(d.route, wants)
	if err != nil {
		return nil, err
	}
	clock, congestion, layer := wire.NewClock(), new(wire.Congestion), d.id.Layers[0]
	audio := wire.NewAudioSender(stream(d.id.AudioSSRC, midAudio), clock, d.cfg.Logger)
	video := wire.NewVideoSender(stream(layer.SSRC, midVideo), layer.RTX, clock, d.cfg.Logger, congestion)
	pc, err := d.newPeerConnection(sockets,
		bufferFactory{senders: []*wire.Sender{audio, video}, congestion: congestion, inbound: d.cfg.Inbound},
		&stampInterceptor{stamper: wire.NewStamper(extensions(), clock, congestion), wants: wants}, wants)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", models.ErrConnectionFailed, err), sockets.Close())
	}
	return &Conn{
		cfg:        d.cfg,
		announced:  d.response.Transport.Fingerprint,
		route:      d.route,
		pc:         pc,
		lease:      sockets,
		reception:  wants,
		congestion: congestion,
		audio:      audio,
		video:      video,
		opened:     make(chan datachannel.ReadWriteCloser, 1),
		connected:  make(chan struct{}),
		failed:     make(chan struct{}),
	}, nil
}

// start applies the server's offer and answers it, upon which pion connects. It does
// not wait for that.
func (c *Conn) start(offer string) error {
	// pion calls from a separate goroutine for each change, in any order; advance reads
	// the state itself.
	c.pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { c.stateChanged() })
	for _, t := range c.tracks() {
		_, err := c.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
			SendEncodings: []webrtc.RTPEncodingParameters{
				{RTPCodingParameters: webrtc.RTPCodingParameters{SSRC: webrtc.SSRC(t.sender.SSRC())}},
			},
		})
		if err != nil {
			return fmt.Errorf("%s track: %w", t.kind, err)
		}
	}
	if err := c.openChannel(); err != nil {
		return fmt.Errorf("data channel: %w", err)
	}
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := c.pc.SetRemoteDescription(remote); err != nil {
		return fmt.Errorf("apply answer: %w", err)
	}
	local, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if err := c.pc.SetLocalDescription(local); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// await waits until media can flow. It returns how far the connection has come.
func (c *Conn) await(ctx context.Context) (stage, error) {
	ticker := time.NewTicker(rolePoll)
	defer ticker.Stop()
	var checking, answered time.Time // since when
	for {
		select {
		case <-ctx.Done():
			return c.stage(), context.Cause(ctx)
		case <-c.failed:
			return c.stage(), c.reason
		case <-c.connected:
			return c.stage(), c.awaitChannel(ctx)
		case now := <-ticker.C:
			if c.pc.ICEConnectionState() != webrtc.ICEConnectionStateChecking {
				continue // not yet, or nominated already
			}
			if checking.IsZero() {
				checking = now
			}
			reached := c.stage()
			if answered.IsZero() && reached > noAnswer {
				answered = now
			}
			if answered.IsZero() && now.Sub(checking) >= unanswered || !answered.IsZero() && now.Sub(answered) >= unnominated {
				return reached, errOtherRole
			}
		}
	}
}

// awaitChannel waits until the data channel is open, for channelWait at most.
func (c *Conn) awaitChannel(ctx context.Context) error {
	timer := time.NewTimer(channelWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.failed:
		return c.reason
	case <-timer.C:
		c.cfg.Logger.Debug("the server opened no data channel in time")
	case channel := <-c.opened:
		c.startListening(channel)
	}
	return nil
}

// Audio returns the Opus stream.
func (c *Conn) Audio() *wire.Sender { return c.audio }

// Video returns the stream of pictures.
func (c *Conn) Video() *wire.Sender { return c.video }

// SetReceiving sets whether the RTP of others is read, for [Config.Inbound].
func (c *Conn) SetReceiving(on bool) { c.reception.set(othersRTP, on) }

// Close says goodbye to the server, closes the sockets and waits for every
// goroutine of the connection. It is idempotent. It must not be called from
// [Config.OnState].
func (c *Conn) Close() error {
	var err error
	c.closing.Do(func() {
		c.states.Close()
		_ = c.states.Wait(context.Background()) // nil: it is not to be given up
		if c.life.deadline != nil {
			c.life.deadline.Stop()
		}
		c.cfg.Upkeep.remove(c)
		err = c.pc.GracefulClose()
		c.done.Wait()
		c.reception.close()
		err = errors.Join(err, c.lease.Close())
	})
	return err
}
