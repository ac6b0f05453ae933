package instances

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/internal/receive"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// unconnectedFor is how long a call may wait for its first connection, with the
// encoder that it may have armed, before it is given up.
const unconnectedFor = 10 * time.Minute

// group is the line into a WebRTC group call. Its fields are guarded by the call's
// mu.
type group struct {
	call     *Call
	receiver *receive.Receiver

	id       *peer.Identity // announced last
	conn     *connection    // the one in use; nil before connected
	old      *connection    // replaced by a rejoin and being closed; else nil
	remains  *Remains       // what the call was restored from, or nil
	dial     sync.WaitGroup // one while connecting
	before   models.Stats   // counters of the connections that are closed
	patience time.Time      // until when a lost connection waits for the rejoin asked for
	deadline time.Time      // when the call ends if it still waits; zero: it does not
	timer    *time.Timer    // ends the call at the deadline; nil before the first
}

// NewGroup returns a WebRTC call with a new identity. It opens nothing. Join must be
// called next.
func NewGroup(cfg Config, events Events) (*Call, error) {
	c, _, err := newGroup(cfg, events, created)
	return c, err
}

// NewRestored returns a WebRTC call that goes on with what remained of another. Join
// must be called next.
func NewRestored(cfg Config, events Events, r Remains) (*Call, error) {
	c, g, err := newGroup(cfg, events, restoring)
	if err != nil {
		return nil, err
	}
	g.remains, g.before = &r, r.Stats
	return c, nil
}

func newGroup(cfg Config, events Events, first phase) (*Call, *group, error) {
	id, err := peer.NewIdentity(cfg.Certs)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", models.ErrInternal, err)
	}
	c := newCall(Group, cfg, events, first)
	c.player = play.New(play.Config{
		Env: cfg.Media, StallTimeout: cfg.StallTimeout, Window: cfg.Peer.Disconnected + cfg.Peer.Keepalive,
		Wheel: wheelOf(cfg),
	}, events)
	g := &group{call: c, id: id, receiver: receive.New(receive.Config{
		PayloadType: jsonparams.PayloadTypeOpus, LevelID: jsonparams.ExtAudioLevel, Events: events,
	})}
	c.line = g
	return c, g, nil
}

// wheelOf returns the wheel that calls share, or nil where a write may wait for a TURN
// server: that call has its own.
func wheelOf(cfg Config) *play.Wheel {
	for _, s := range cfg.Peer.ICEServers {
		for _, url := range s.URLs {
			if strings.HasPrefix(url, "turn") {
				return nil
			}
		}
	}
	return cfg.Wheel
}

// Join starts the time within which the call must be connected.
func (g *group) Join(ctx context.Context) (string, error) {
	if g.remains != nil {
		if err := g.restore(ctx); err != nil {
			return "", err
		}
	}
	c := g.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == created {
		g.wait(unconnectedFor)
	}
	return g.id.Join().Encode()
}

// restore reopens the source where it was. If the user sets another source meanwhile,
// that one is played instead.
func (g *group) restore(ctx context.Context) error {
	c := g.call
	failed := play.ErrPanicked // unless something takes its place
	defer func() {
		if failed != nil {
			c.Stop(failed)
		}
	}()
	failed = c.player.Restore(ctx, g.remains.Snapshot)
	if errors.Is(failed, models.ErrSourceReplaced) {
		failed = nil
	}
	if failed != nil {
		return failed
	}
	if err := g.restoreSink(ctx); err != nil {
		c.events.SinkEnded(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.move(created, restoring)
}

// restoreSink opens the sink again, unless the user has set another meanwhile.
func (g *group) restoreSink(ctx context.Context) error {
	g.call.mu.Lock()
	sink := g.remains.Sink
	g.call.mu.Unlock()
	if sink == nil || g.receiver.Sink() != nil {
		return nil
	}
	return g.SetSink(ctx, sink)
}

// Rejoin draws another identity, for another join of the same call.
func (g *group) Rejoin() (string, error) {
	c := g.call
	id, err := peer.NewIdentity(c.cfg.Certs)
	if err != nil {
		return "", fmt.Errorf("%w: %w", models.ErrInternal, err)
	}
	params, err := id.Join().Encode()
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.move(created, created) == nil {
		g.wait(unconnectedFor)
	} else if err := c.move(rejoinAsked, connected, rejoinAsked); err != nil {
		return "", err
	} else {
		g.awaitRejoin()
	}
	g.id = id
	return params, nil
}

// awaitRejoin gives the Connect of a rejoin as long as ICE would give a connection
// that is lost. mu must be held.
func (g *group) awaitRejoin() {
	failed := g.call.cfg.Peer.Failed
	g.patience = time.Now().Add(failed)
	if g.conn.lost != nil {
		g.wait(failed)
	}
}

// AudioSSRC returns that of the connection in use.
func (g *group) AudioSSRC() (uint32, error) {
	g.call.mu.Lock()
	defer g.call.mu.Unlock()
	if g.conn != nil {
		return g.conn.id.AudioSSRC, nil
	}
	return g.id.AudioSSRC, nil
}

func (g *group) Connect(ctx context.Context, answer string) error {
	c, timeout := g.call, g.call.cfg.ConnectTimeout
	attempt, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	defer context.AfterFunc(c.life, func() { abort(context.Cause(c.life)) })()
	attempt, cancel := context.WithTimeoutCause(attempt, timeout,
		fmt.Errorf("%w: not up after %s", models.ErrConnectionTimeout, timeout))
	defer cancel()

	next, err := g.begin()
	if err != nil {
		return err
	}
	if err = g.open(attempt, next, answer); err == nil {
		err = g.use(next)
	}
	over := err != nil && !g.revert(err, ctx.Err() != nil)
	g.dial.Done()
	if over {
		c.Stop(err)
	}
	return err
}

// begin takes the call into connecting or rejoining.
func (g *group) begin() (*connection, error) {
	c := g.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.move(rejoining, rejoinAsked) != nil {
		if err := c.move(connecting, created); err != nil {
			return nil, err
		}
	}
	c.began, g.deadline = time.Now(), time.Time{}
	g.dial.Add(1)
	c.report(models.Connecting, nil)
	return &connection{id: g.id, state: models.Connected}, nil
}

func (g *group) open(ctx context.Context, next *connection, answer string) error {
	response, err := jsonparams.Decode(answer)
	if err != nil {
		return err
	}
	next.vp8Only = response.H264 == 0
	if next.vp8Only { // a source may have to be reopened, which takes as long as Dial
		g.call.player.SetVP8Only(true)
	}
	cfg := g.call.cfg.Peer
	cfg.Inbound = g.receiver
	cfg.OnState = func(state models.ConnState, reason error) { g.stateChanged(next, state, reason) }
	next.conn, err = peer.Dial(ctx, next.id, response, cfg)
	return err
}

// use makes a connection the one in use, unless the call has ended meanwhile, and
// closes the one before.
func (g *group) use(next *connection) error {
	c := g.call
	c.mu.Lock()
	err := next.lost
	if err == nil && c.move(connected, connecting, rejoining) != nil {
		err = c.reason
	}
	if err != nil {
		c.mu.Unlock()
		return errors.Join(err, next.conn.Close())
	}
	g.old, g.conn = g.conn, next
	next.conn.SetReceiving(g.receiver.Sink() != nil)
	c.since = time.Now()
	c.took = c.since.Sub(c.began)
	c.report(models.Connected, nil)
	c.player.SetVP8Only(next.vp8Only)
	c.player.Connect(next.write)
	c.player.Repeat()
	if next.state == models.Disconnected {
		g.silent(next)
	}
	old := g.old
	c.mu.Unlock()
	if old == nil {
		return nil
	}
	_ = old.conn.Close() // nothing is sent on it
	c.mu.Lock()
	defer c.mu.Unlock()
	old.addStats(&g.before)
	g.old = nil
	return nil
}

// revert undoes begin after a Connect that failed, where there is something to go
// back to: the connection from before a rejoin, or, when the caller gave up, the call
// as it was created. It reports whether there was.
func (g *group) revert(why error, gaveUp bool) bool {
	c := g.call
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case gaveUp && c.move(rejoinAsked, rejoining) == nil:
		g.awaitRejoin()
		c.report(g.conn.state, g.conn.why)
	case gaveUp && c.move(created, connecting) == nil:
		g.wait(unconnectedFor)
		c.report(models.Disconnected, why)
	case g.conn != nil && g.conn.lost == nil && c.move(connected, rejoining) == nil:
		c.report(g.conn.state, g.conn.why)
	default:
		return false
	}
	c.player.SetVP8Only(g.conn != nil && g.conn.vp8Only)
	return true
}

func (g *group) SetSource(ctx context.Context, src media.Source) error {
	return g.call.player.SetSource(ctx, src)
}

func (g *group) SetNext(ctx context.Context, src media.Source) error {
	return g.call.player.SetNext(ctx, src)
}

// SetSink opens the sink first, so that one that fails leaves the one before in place.
func (g *group) SetSink(ctx context.Context, sink media.Sink) error {
	unfinished, err := g.receiver.SetSink(ctx, g.call.cfg.Media, sink)
	if err != nil {
		return err
	}
	if err := g.useSink(); err != nil {
		return errors.Join(err, unfinished, g.receiver.Close())
	}
	return unfinished
}

// useSink receives if there is a sink, and returns why the call has ended, if it has.
func (g *group) useSink() error {
	c := g.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == ended {
		return c.reason
	}
	sink := g.receiver.Sink() // another goroutine may have set one since
	if c.phase == restoring {
		g.remains.Sink = sink
	}
	if g.conn != nil {
		g.conn.conn.SetReceiving(sink != nil)
	}
	return nil
}

func (g *group) SetParticipants(all []models.Participant) error {
	g.receiver.SetParticipants(all)
	return nil
}

// Stats counts over all connections.
func (g *group) Stats(stats *models.Stats) {
	c := g.call
	c.mu.Lock()
	stats.Audio.SSRC, stats.Video.SSRC = g.id.AudioSSRC, g.id.Layers[0].SSRC
	up, old, before := g.conn, g.old, g.before
	c.mu.Unlock()
	if up != nil {
		up.conn.Stats(stats)
	}
	add(stats, before)
	old.addStats(stats)
}

// Remains keeps the time of the first loss when a call that was restored ends
// unconnected.
func (g *group) Remains(was phase) *Remains {
	c := g.call
	if was == restoring {
		return g.remains
	}
	c.mu.Lock()
	from, conn := g.remains, g.conn
	lost := time.Now()
	if conn != nil && conn.lost != nil {
		lost = conn.lostAt
	}
	c.mu.Unlock()
	switch {
	case conn != nil:
	case from == nil:
		return nil // it was never connected
	default:
		lost = from.Lost
	}
	return &Remains{Snapshot: c.player.Snapshot(), Sink: g.receiver.Sink(), Lost: lost, Stats: c.Stats()}
}

func (g *group) Close() {
	g.dial.Wait()
	c := g.call
	c.mu.Lock()
	if g.timer != nil {
		g.timer.Stop()
	}
	last := g.conn
	c.mu.Unlock()
	if last != nil {
		if err := last.conn.Close(); err != nil {
			c.cfg.Logger.Debug("close connection", "err", err)
		}
	}
	if err := g.receiver.Close(); err != nil {
		c.cfg.Logger.Warn("close sink", "err", err)
	}
}
