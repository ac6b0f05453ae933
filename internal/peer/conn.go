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
	// nominates. Full agents do at once or, by the default of pion's, a second
	// after the first answer.
	unnominated = 2 * time.Second
	// rolePoll is how often that is looked at.
	rolePoll = 250 * time.Millisecond
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
	clock        clock
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

	heard  atomic.Pointer[time.Time] // the server, before it was silent; nil at first
	reason error                     // why failed; written before failed is closed
}

// errOtherRole is returned by an attempt that gets nowhere in its ICE role.
var errOtherRole = errors.New("the server does not go on with this ICE role")

// dialer connects to one server.
type dialer struct {
	id       *Identity
	response jsonparams.Response
	way      route
	cfg      Config
	reached  stage // by the attempt that came furthest
}

// Dial connects and returns when media can flow. It blocks until then, until ctx
// ends, whose cause it returns, or until the connection has failed with
// ErrConnectionFailed. Nothing but ctx limits how long the server may take. The
// caller must Close the connection.
//
// We start as the controlled agent, as Telegram's own clients do. A server that
// does not go on with that may be ICE-lite, or controlled itself: the connection is
// built again in the other role, with the same identity, and so on by turns.
func Dial(ctx context.Context, id *Identity, r *jsonparams.Response, cfg Config) (*Conn, error) {
	way, err := routeTo(ctx, cfg.usable(r.Transport.Candidates))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	d := dialer{id: id, response: *r, way: way, cfg: cfg}
	d.response.Transport.Candidates = way.candidates
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
	cfg := d.cfg
	c := &Conn{
		cfg:       cfg,
		announced: d.response.Transport.Fingerprint,
		way:       d.way,
		clock:     newClock(),
		log:       &pionLog{logger: cfg.Logger, on: cfg.DebugLogs},
		poke:      make(chan struct{}, 1),
		connected: make(chan struct{}),
		failed:    make(chan struct{}),
		stop:      make(chan struct{}),
	}
	c.audio = newAudioTrack(d.id.AudioSSRC, c.clock.epoch)
	c.audio.log = cfg.Logger
	c.video = newVideoTrack(d.id.Layers[0], c.clock.epoch)
	c.wire = &wire{clock: c.clock}
	c.video.gate.estimate = &c.wire.estimate
	if cfg.Sockets != nil {
		var err error
		if c.lease, err = cfg.Sockets.take(d.way); err != nil {
			return nil, err
		}
	}
	opened, err := c.open(d.id, &d.response, d.way, controlling)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", models.ErrConnectionFailed, err), c.Close())
	}
	stage, err := c.await(ctx, opened)
	d.reached = max(d.reached, stage)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.done.Add(1)
	go c.maintain(opened) // ends on stop; Close waits on done
	return c, nil
}

// open builds the PeerConnection and starts connecting. The channel it returns
// yields the data channel when that is open.
func (c *Conn) open(
	id *Identity, r *jsonparams.Response, way route, controlling bool,
) (<-chan datachannel.ReadWriteCloser, error) {
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

	opened, err := c.openChannel()
	if err != nil {
		return nil, fmt.Errorf("data channel: %w", err)
	}

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

// await waits until media can flow. It returns how far the connection has come.
func (c *Conn) await(ctx context.Context, opened <-chan datachannel.ReadWriteCloser) (stage, error) {
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
			return c.stage(), c.awaitChannel(ctx, opened)
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

func (c *Conn) awaitChannel(ctx context.Context, opened <-chan datachannel.ReadWriteCloser) error {
	timer := time.NewTimer(channelWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.failed:
		return c.reason
	case <-timer.C:
		c.cfg.Logger.Debug("the server opened no data channel in time")
	case channel := <-opened:
		c.done.Add(1)
		go c.listen(channel) // ends when the channel is closed; Close waits on done
	}
	return nil
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
