package sfu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu/listen"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
)

// Why a participant is gone.
var (
	ErrLeft   = errors.New("the client left")
	ErrKicked = errors.New("kicked")
	ErrClosed = errors.New("the SFU is closed")
)

// Participant is one client's side of the SFU.
type Participant struct {
	// immutable after newParticipant
	cfg      Config
	log      *slog.Logger
	req      *signaling.Request
	id       identity
	source   *listen.Source // for listeners
	endpoint string         // what others know its video by
	call     call           // everyone else
	network  *netem.Conn
	agent    *ice.Agent

	connected chan struct{} // closed by run once SRTP is up
	done      chan struct{} // closed by run at its very end
	stop      context.CancelCauseFunc
	ctx       context.Context // the participant's lifetime

	// written by run before connected is closed
	transport *transport
	profile   string

	outbox      *outbox                     // what others send to this one
	constraints atomic.Pointer[constraints] // whose video it wants; nil before it said so
	settled     atomic.Bool                 // Strict: media is read from now on

	mu          sync.Mutex // guards what follows
	oracle      *oracle.Oracle
	control     map[string]oracle.Sent  // RTCP that is on its way through our network
	arrived     map[packetKey]time.Time // RTP that is on its way from the network to the read loop
	data        dataState
	twcc        *twcc.Recorder
	odd         Feedback      // how the feedback that twcc builds is spoiled
	delayed     []rtcp.Packet // feedback that comes after the next one
	idealHeight int           // the height others want of its video
	dropped     uint64        // RTP packets that our own network lost
	late        uint64        // RTP packets that it let others overtake
	doubled     uint64        // RTP packets that it doubled
	held        uint64        // RTP packets dropped because nobody read yet
}

// call is what a participant needs of everyone else.
type call interface {
	distribute(from *Participant, packet []byte, video bool)
	gone(p *Participant)
	// constraintsChanged is called when a receiver wants other heights,
	// requestKeyFrameOf when one cannot decode an SSRC.
	constraintsChanged()
	requestKeyFrameOf(from *Participant, ssrc uint32)
}

// newParticipant opens the socket and the agent, and starts run.
func newParticipant(cfg Config, req *signaling.Request, seed uint64, c call) (*Participant, error) {
	id, err := newIdentity(cfg.WrongFingerprint)
	if err != nil {
		return nil, err
	}
	endpoint, err := randomToken(8)
	if err != nil {
		return nil, err
	}
	p := &Participant{
		endpoint:  endpoint,
		cfg:       cfg,
		log:       cfg.Logger.With("participant", req.Audio),
		req:       req,
		source:    newSource(req),
		id:        id,
		call:      c,
		connected: make(chan struct{}),
		done:      make(chan struct{}),
		oracle:    newOracle(cfg, req),
		control:   map[string]oracle.Sent{},
		arrived:   map[packetKey]time.Time{},
		data:      newDataState(),
		twcc:      twcc.NewRecorder(oracle.ReporterSSRC),
		odd:       cfg.Feedback,
		outbox:    newOutbox(),
	}
	if cfg.Strict && req.Setup == signaling.SetupActive {
		p.oracle.Violate("setup", "the client means to be the DTLS client, and so does the server")
	}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	if p.network, err = netem.Listen(p.netemConfig(seed)); err != nil {
		return nil, err
	}
	if p.agent, err = p.newAgent(); err != nil {
		return nil, errors.Join(fmt.Errorf("start ICE agent: %w", err), p.network.Close())
	}
	go p.run() // stopped by p.stop, awaited by p.done
	return p, nil
}

func newSource(req *signaling.Request) *listen.Source {
	source := &listen.Source{Audio: req.Audio}
	for _, l := range req.Layers {
		source.Layers = append(source.Layers, listen.Layer(l))
	}
	return source
}

func newOracle(cfg Config, req *signaling.Request) *oracle.Oracle {
	declared := oracle.Config{Audio: req.Audio, IdleVideoGC: cfg.IdleVideoGC, Repair: cfg.NACK, NoH264: cfg.OmitH264}
	for _, l := range req.Layers {
		declared.Layers = append(declared.Layers, oracle.Layer(l))
	}
	return oracle.New(declared)
}

func (p *Participant) netemConfig(seed uint64) netem.Config {
	return netem.Config{
		IP:                p.cfg.ListenIP,
		Seed:              seed,
		Up:                p.cfg.Up,
		Down:              p.cfg.Down,
		SilentFor:         p.cfg.SilentFor,
		HandshakeBlackOut: p.cfg.HandshakeBlackOut,
		IgnoreRTP:         p.cfg.IgnoreMedia,
		Filter:            newSTUNGate(p.cfg, p.id, time.Now()).inspect,
		Fate: netem.Fate{
			Lost: p.noteLost, Late: p.noteLate, Doubled: p.noteDoubled, Sent: p.noteSent, Arrived: p.noteArrived,
		},
	}
}

// run is the participant's life: connect, serve, tear down.
func (p *Participant) run() {
	defer close(p.done)
	err := p.serve()
	p.stop(err) // keeps an earlier cause
	if cause := context.Cause(p.ctx); cause != nil {
		p.log.Info("participant is gone", "cause", cause)
	}
	p.call.gone(p)
}

// SSRC is the audio SSRC the participant is known by.
func (p *Participant) SSRC() uint32 { return p.req.Audio }

// Endpoint is the name others know the participant's video by.
func (p *Participant) Endpoint() string { return p.endpoint }

// Connected is closed once DTLS and SRTP are up.
func (p *Participant) Connected() <-chan struct{} { return p.connected }

// Done is closed when the participant has left, was kicked or failed, and its socket is
// closed.
func (p *Participant) Done() <-chan struct{} { return p.done }

// Err says why the participant is gone: ErrLeft, ErrKicked, ErrClosed or what failed.
// It is nil before Done.
func (p *Participant) Err() error {
	select {
	case <-p.done:
		return context.Cause(p.ctx)
	default:
		return nil
	}
}

// Kick sends close_notify and drops the participant. It does not wait;
// Done is closed at the end.
func (p *Participant) Kick() { p.stop(ErrKicked) }

// Network is the network between the client and the SFU.
func (p *Participant) Network() *netem.Conn { return p.network }

// close ends the participant and waits.
func (p *Participant) close(cause error) {
	p.stop(cause)
	<-p.done
}

func (p *Participant) alive() bool {
	return p.ctx.Err() == nil
}

// dataChannelGrace is what a client has to open its data channel in Strict mode.
const dataChannelGrace = 5 * time.Second

// Violations lists the rules the client broke, in order, each kind once with the facts
// of its first occurrence.
func (p *Participant) Violations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	missing := p.cfg.Strict && !p.data.opened && !p.network.WasDark() && !p.oracle.ConnectedAt.IsZero()
	if missing && time.Since(p.oracle.ConnectedAt) > dataChannelGrace {
		p.oracle.Violate("data channel missing", "%v after the connection", dataChannelGrace)
	}
	return p.oracle.Violations()
}

// Stats is what is known of a participant.
type Stats struct {
	// Streams holds every declared SSRC and up to 64 others, by SSRC.
	Streams map[uint32]oracle.StreamStats
	// SRTPProfile is empty before Connected.
	SRTPProfile string
	// ICERole is the SFU's mode.
	ICERole         ICEMode
	DataChannelOpen bool
	// NetworkDropped counts RTP packets that the SFU's own network lost; TransportLost the
	// transport-wide numbers that never came, those included; Held the packets that
	// came when nobody read yet and found no room.
	NetworkDropped, TransportLost, Held uint64
	// Overtaken counts RTP packets that the network let later ones overtake, Doubled
	// those it delivered twice.
	Overtaken, Doubled uint64
	// Dropped counts packets of other participants that this one was too slow for.
	Dropped uint64
}

// Stats takes a snapshot.
func (p *Participant) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := Stats{
		Streams:         p.oracle.Streams(time.Now()),
		ICERole:         p.cfg.ICE,
		DataChannelOpen: p.data.open,
		NetworkDropped:  p.dropped,
		Overtaken:       p.late,
		Doubled:         p.doubled,
		TransportLost:   p.oracle.TransportLost(),
		Held:            p.held,
		Dropped:         p.outbox.dropped(),
	}
	select {
	case <-p.connected:
		st.SRTPProfile = p.profile
	default:
	}
	return st
}
