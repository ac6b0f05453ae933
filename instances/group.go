package instances

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// unconnectedFor is how long a call may wait for its first connection, with the
// encoder that it may have armed, before it is given up.
const unconnectedFor = 10 * time.Minute

// Group is a WebRTC group call.
type Group struct {
	cfg    Config
	events Events
	player *play.Player

	mu       sync.Mutex // guards what follows; held while nothing waits
	phase    phase
	id       *peer.Identity          // announced last
	link     *link                   // what media flows on; nil before connected
	old      *link                   // replaced by a rejoin and being closed; else nil
	remains  *Remains                // what the call was restored from, or nil
	abort    context.CancelCauseFunc // calls off the connecting; nil otherwise
	dial     sync.WaitGroup          // one while connecting
	state    models.ConnState        // what events.Connection reported last
	began    time.Time               // when the latest Connect was called
	since    time.Time               // when the connection came up
	took     time.Duration           // how long the Connect took that succeeded last
	before   models.Stats            // counters of the connections that are closed
	patience time.Time               // until when a lost connection waits for the rejoin asked for
	deadline time.Time               // when the call ends if it still waits; zero: it does not
	timer    *time.Timer             // runs expire at the deadline; nil before the first

	reason error         // why the call ended; nil before
	over   chan struct{} // closed when the call has ended and nothing of it is left
}

// link is a connection and what became of it. The fields below conn are guarded by
// the group's mu.
type link struct {
	id     *peer.Identity
	conn   *peer.Conn
	state  models.ConnState
	why    error     // the reason of state
	lost   error     // why the connection failed; nil while it lives
	lostAt time.Time // when it failed
}

// NewGroup draws the call's identity. It opens nothing.
func NewGroup(cfg Config, events Events) (*Group, error) {
	id, err := peer.NewIdentity(cfg.Certs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", models.ErrInternal, err)
	}
	g := &Group{cfg: cfg, events: events, id: id, over: make(chan struct{})}
	g.player = play.New(play.Config{
		Env: cfg.Media, StallTimeout: cfg.StallTimeout, Window: cfg.Peer.Disconnected + cfg.Peer.Keepalive,
	}, events)
	return g, nil
}

// NewRestored makes a call of what remained of another. Restore must be called
// next.
func NewRestored(cfg Config, events Events, r Remains) (*Group, error) {
	g, err := NewGroup(cfg, events)
	if err != nil {
		return nil, err
	}
	g.phase, g.remains, g.before = restoring, &r, r.Stats
	return g, nil
}

// Begin starts the time within which the call must be connected.
func (g *Group) Begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase == created {
		g.wait(unconnectedFor)
	}
}

// Params returns the join payload.
func (g *Group) Params() (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.id.Join().Encode()
}

// Restore opens the source where it was, and returns the join payload. A failure
// ends the call without an event. If the user sets another source meanwhile, that
// one is played instead.
func (g *Group) Restore(ctx context.Context) (string, error) {
	failed := play.ErrPanicked // unless something takes its place
	defer func() {
		if failed != nil {
			g.end(failed)
		}
	}()
	failed = g.player.Restore(ctx, g.remains.Snapshot)
	if errors.Is(failed, models.ErrSourceReplaced) {
		failed = nil
	}
	if failed != nil {
		return "", failed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase != restoring {
		return "", models.ErrConnectionNotFound
	}
	g.phase = created
	g.wait(unconnectedFor)
	return g.id.Join().Encode()
}

// Rejoin draws another identity, for another join of the same call, and returns
// its payload. The next Connect takes the answer to it. Until that is up the old
// connection stays in use. If it is lost meanwhile, playback is held until the new
// one is up, or until a connection that is lost without a Rejoin would have ended.
func (g *Group) Rejoin() (string, error) {
	id, err := peer.NewIdentity(g.cfg.Certs)
	if err != nil {
		return "", fmt.Errorf("%w: %w", models.ErrInternal, err)
	}
	params, err := id.Join().Encode()
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.phase {
	case created:
		g.wait(unconnectedFor)
	case connected, rejoinAsked:
		g.askRejoin()
	default:
		return "", g.refusal()
	}
	g.id = id
	return params, nil
}

// askRejoin makes the call wait for the Connect of a rejoin. mu must be held.
func (g *Group) askRejoin() {
	g.phase, g.patience = rejoinAsked, time.Now().Add(g.cfg.Peer.Failed)
	if g.link.lost != nil {
		g.wait(g.cfg.Peer.Failed)
	}
}

// refusal is the error of a verb that the phase does not allow. mu must be held.
func (g *Group) refusal() error {
	if g.phase == ended {
		return models.ErrConnectionNotFound
	}
	return fmt.Errorf("%w: the call is %s", models.ErrConnectionExists, g.phase)
}

// AudioSSRC identifies the participant: the one of the connection there is.
func (g *Group) AudioSSRC() (uint32, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.link != nil {
		return g.link.id.AudioSSRC, nil
	}
	return g.id.AudioSSRC, nil
}

// Connect takes the join answer and returns when media can flow. A failure ends
// the call, but for ErrConnectionExists, for the end of ctx, which leaves the call
// as it was, and for a rejoin, while the connection there was still lives.
func (g *Group) Connect(ctx context.Context, answer string) error {
	attempt, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	attempt, cancel := context.WithTimeoutCause(attempt, g.cfg.ConnectTimeout,
		fmt.Errorf("%w: not up after %s", models.ErrConnectionTimeout, g.cfg.ConnectTimeout))
	defer cancel()

	next, err := g.begin(abort)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err = g.open(attempt, next, answer); err == nil {
		err = g.up(next)
	}
	over := err != nil && !g.revert(err, ctx.Err() != nil)
	g.dial.Done()
	if over {
		g.end(err)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

func (g *Group) begin(abort context.CancelCauseFunc) (*link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.phase {
	case created:
		g.phase = connecting
	case rejoinAsked:
		g.phase = rejoining
	default:
		return nil, g.refusal()
	}
	g.abort, g.began, g.deadline = abort, time.Now(), time.Time{}
	g.dial.Add(1)
	g.tell(models.Connecting, nil)
	return &link{id: g.id, state: models.Connected}, nil
}

func (g *Group) open(ctx context.Context, next *link, answer string) error {
	response, err := jsonparams.Decode(answer)
	if err != nil {
		return err
	}
	cfg := g.cfg.Peer
	cfg.OnState = func(state models.ConnState, reason error) { g.linkChanged(next, state, reason) }
	next.conn, err = peer.Dial(ctx, next.id, response, cfg)
	return err
}

// up makes a connection the call's, unless the call was ended meanwhile, and closes
// the one before.
func (g *Group) up(next *link) error {
	g.mu.Lock()
	err := next.lost
	if err == nil && g.phase != connecting && g.phase != rejoining {
		err = g.reason
	}
	if err != nil {
		g.mu.Unlock()
		return errors.Join(err, next.conn.Close())
	}
	g.old, g.link = g.link, next
	g.phase, g.abort, g.since = connected, nil, time.Now()
	g.took = g.since.Sub(g.began)
	g.tell(models.Connected, nil)
	g.player.Connect(func(f media.Frame, due time.Time) {
		track := next.conn.Audio()
		if f.Track == media.TrackVideo {
			track = next.conn.Video()
		}
		// It fails when the connection goes away, which it reports itself.
		_ = track.WriteFrame(f.Data, due)
	})
	g.player.Repeat()
	if next.state == models.Disconnected {
		g.silent(next)
	}
	old := g.old
	g.mu.Unlock()
	if old == nil {
		return nil
	}
	_ = old.conn.Close() // nothing goes that way any more
	g.mu.Lock()
	defer g.mu.Unlock()
	count(&g.before, old)
	g.old = nil
	return nil
}

// revert undoes begin after a Connect that failed, where there is something to go
// back to: the connection from before a rejoin, or, when the caller called it off,
// the call as it was created. It reports whether there was.
func (g *Group) revert(why error, calledOff bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.phase == rejoining && (g.link.lost == nil || calledOff):
		g.phase, g.abort = connected, nil
		if calledOff {
			g.askRejoin()
		}
		g.tell(g.link.state, g.link.why)
	case g.phase == connecting && calledOff:
		g.phase, g.abort = created, nil
		g.wait(unconnectedFor)
		g.tell(models.Disconnected, why)
	default:
		return false
	}
	return true
}

// SetSource opens a source and lets it replace what is playing.
func (g *Group) SetSource(ctx context.Context, src media.Source) error {
	return g.player.SetSource(ctx, src)
}

// Seek plays the current source from what target makes of its position.
func (g *Group) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	return g.player.Seek(ctx, target)
}

// SetPaused stops or resumes the source where it is. It reports whether that
// changed anything.
func (g *Group) SetPaused(on bool) (bool, error) { return g.player.SetPaused(on) }

// SetMuted withholds or sends what is played. It reports whether that changed
// anything.
func (g *Group) SetMuted(on bool) (bool, error) { return g.player.SetMuted(on) }

// State returns the mute, pause and video flags.
func (g *Group) State() models.MediaState { return g.player.State() }

// Position is where in the source what was last handed to the wire ends.
func (g *Group) Position() time.Duration { return g.player.Position() }
