package instances

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

type phase int

const (
	created    phase = iota
	connecting       // for the first time
	connected
	rejoining // connecting again while the old connection is there, or was
	ended
)

// Group is a WebRTC group call.
type Group struct {
	cfg    Config
	events Events
	player *player

	mu    sync.Mutex // guards what follows; held while nothing waits
	phase phase
	id    *peer.Identity          // announced last
	fresh bool                    // id waits for its answer, though connected
	link  *link                   // what media flows on; nil before connected
	abort context.CancelCauseFunc // calls off the connecting; nil otherwise
	dial  sync.WaitGroup          // one while connecting
	state models.ConnState        // what events.Connection heard last
	began time.Time               // when Connect was called
	since time.Time               // when the connection was up

	over chan struct{} // closed when the call has ended and nothing of it is left
}

// link is a connection and what became of it.
type link struct {
	id   *peer.Identity
	conn *peer.Conn
	lost error // why it is no more; guarded by the group's mu
}

// NewGroup draws the call's identity. It opens nothing.
func NewGroup(cfg Config, events Events) (*Group, error) {
	id, err := peer.NewIdentity(cfg.Certs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", models.ErrInternal, err)
	}
	g := &Group{cfg: cfg, events: events, id: id, over: make(chan struct{})}
	g.player = newPlayer(cfg.Media, cfg.StallTimeout, audience{ended: g.streamEnded, changed: events.Upgrade})
	return g, nil
}

// Params returns the join payload.
func (g *Group) Params() (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.id.Join().Encode()
}

// Rejoin draws another identity, for another join of the same call, and returns
// its payload. The next Connect takes the answer to it. Until that is up the
// connection there is goes on; and should it be lost, the call waits for the new
// one, with what it plays held where it was.
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
	case created, connected:
		g.id, g.fresh = id, true
		return params, nil
	case ended:
		return "", models.ErrConnectionNotFound
	default:
		return "", models.ErrConnectionExists
	}
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
	var old *link
	if err = g.open(attempt, next, answer); err == nil {
		old, err = g.up(attempt, next)
	}
	over := err != nil && !g.revert(err, ctx.Err() != nil)
	g.dial.Done()
	switch {
	case over:
		g.end(err)
	case old != nil:
		_ = old.conn.Close() // nothing goes that way any more
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

func (g *Group) begin(abort context.CancelCauseFunc) (*link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.phase == created:
		g.phase = connecting
	case g.phase == connected && g.fresh:
		g.phase = rejoining
	case g.phase == ended:
		return nil, models.ErrConnectionNotFound
	default:
		return nil, models.ErrConnectionExists
	}
	g.fresh, g.abort, g.began = false, abort, time.Now()
	g.dial.Add(1)
	g.tell(models.Connecting, nil)
	return &link{id: g.id}, nil
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

// up makes a connection the call's, unless the call was ended meanwhile, and
// returns the one before.
func (g *Group) up(ctx context.Context, next *link) (*link, error) {
	g.mu.Lock()
	err := next.lost
	if err == nil && g.phase != connecting && g.phase != rejoining {
		err = context.Cause(ctx)
	}
	if err != nil {
		g.mu.Unlock()
		return nil, errors.Join(err, next.conn.Close())
	}
	old := g.link
	g.phase, g.link, g.abort, g.since = connected, next, nil, time.Now()
	g.tell(models.Connected, nil)
	g.mu.Unlock()
	g.player.connect(func(f media.Frame, due time.Time) {
		track := next.conn.Audio()
		if f.Track == media.TrackVideo {
			track = next.conn.Video()
		}
		// It fails when the connection goes away, which it reports itself.
		_ = track.WriteFrame(f.Data, due)
	})
	return old, nil
}

// revert undoes begin after a Connect that failed, where there is something to go
// back to: the connection from before a rejoin, or, when the caller called it off,
// the call as it was created. It reports whether there was.
func (g *Group) revert(why error, calledOff bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.phase == rejoining && (g.link.lost == nil || calledOff):
		g.phase, g.fresh, g.abort = connected, calledOff, nil
		if g.link.lost == nil {
			g.tell(models.Connected, nil)
		} else {
			g.tell(models.Disconnected, g.link.lost)
		}
		return true
	case g.phase == connecting && calledOff:
		g.phase, g.abort = created, nil
		g.tell(models.Disconnected, why)
		return true
	}
	return false
}

// linkChanged hears from a connection after it was up. It must not wait for the
// connection, so a failure is cleaned up on a goroutine of its own.
func (g *Group) linkChanged(l *link, state models.ConnState, reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if state == models.Failed {
		l.lost = reason
	}
	switch {
	case l != g.link || g.phase == ended:
		// Not the call's yet, or no more.
	case state == models.Failed && (g.fresh || g.phase == rejoining):
		g.tell(models.Disconnected, reason) // the server drops us when we join again
		g.player.disconnect()
		time.AfterFunc(g.cfg.Peer.Failed, func() { g.giveUp(l) }) // runs g.end at the most, which Stop waits for
	case state == models.Failed:
		go g.end(reason) // ends by itself; Stop waits for the same end
	case g.phase == connected:
		if state == models.Disconnected && reason == nil {
			reason = fmt.Errorf("nothing heard from the server for %s", g.cfg.Peer.Disconnected)
		}
		g.tell(state, reason)
	}
}

// giveUp ends a call whose connection was lost for a rejoin that never came.
func (g *Group) giveUp(l *link) {
	g.mu.Lock()
	waiting, reason := g.link == l && g.phase == connected, l.lost
	g.mu.Unlock()
	if waiting {
		g.end(reason)
	}
}

// tell reports a state of the connection and the reason for it. The caller holds
// mu, which keeps the reports in order.
func (g *Group) tell(state models.ConnState, why error) {
	g.state = state
	g.events.Connection(models.NetworkInfo{State: state, Err: why})
}

// Restore plays what remained of an earlier call of the chat.
func (g *Group) Restore(ctx context.Context, r Remains) error { return g.player.restore(ctx, r) }

// SetSource opens a source and lets it replace what is playing.
func (g *Group) SetSource(ctx context.Context, src media.Source) error {
	return g.player.setSource(ctx, src)
}

// Seek plays the current source from what target makes of its position.
func (g *Group) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	return g.player.seek(ctx, target)
}

// SetPaused stops or resumes the source where it is. It reports whether that
// changed anything.
func (g *Group) SetPaused(on bool) (bool, error) { return g.player.setPaused(on) }

// SetMuted withholds or sends what is played. It reports whether that changed
// anything.
func (g *Group) SetMuted(on bool) (bool, error) { return g.player.setMuted(on) }

// State returns the mute, pause and video flags.
func (g *Group) State() models.MediaState { return g.player.state() }

// Position is where in the source what was last handed to the wire ends.
func (g *Group) Position() time.Duration { return g.player.position() }

// Stats returns what the call has done so far.
func (g *Group) Stats() models.Stats {
	g.mu.Lock()
	stats := models.Stats{State: g.state, ConnectedAt: g.since}
	up, id := g.link, g.id
	if !g.since.IsZero() {
		stats.ConnectTime = g.since.Sub(g.began)
	}
	g.mu.Unlock()
	stats.Audio.SSRC, stats.Video.SSRC = id.AudioSSRC, id.Layers[0].SSRC
	if up != nil {
		up.conn.Stats(&stats)
	}
	for t := range kinds(g.player.tracks()) {
		stats.Tracks = append(stats.Tracks, t)
	}
	count := g.player.counts()
	stats.FramesLate, stats.ClockMoves, stats.SourceRestarts = count.late, count.moves, count.restarts
	return stats
}

// Stop ends the call for a reason and waits until nothing of it is left. It may
// be called in any phase, any number of times.
func (g *Group) Stop(reason error) { g.end(reason) }

// end is the one teardown: media before transport, then the word of it.
func (g *Group) end(reason error) {
	g.mu.Lock()
	if g.phase == ended {
		g.mu.Unlock()
		<-g.over
		return
	}
	g.phase = ended
	last, abort := g.link, g.abort
	g.mu.Unlock()
	defer g.events.Gone()
	defer close(g.over)

	var remains *Remains
	if last != nil && errors.Is(reason, models.ErrConnectionFailed) {
		remains = g.player.remains()
	}
	g.events.Ended(remains)
	if abort != nil {
		abort(reason)
	}
	g.player.close(reason)
	g.dial.Wait()
	if last != nil {
		if err := last.conn.Close(); err != nil {
			g.cfg.Logger.Debug("close connection", "err", err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	info := finalState(reason)
	g.tell(info.State, info.Err)
}

// finalState returns the last event of a connection that ended for a reason.
func finalState(reason error) models.NetworkInfo {
	switch {
	case errors.Is(reason, models.ErrStopped), errors.Is(reason, models.ErrClosed):
		return models.NetworkInfo{State: models.Closed}
	case errors.Is(reason, models.ErrConnectionTimeout):
		return models.NetworkInfo{State: models.Timeout, Err: reason}
	}
	return models.NetworkInfo{State: models.Failed, Err: reason}
}

// streamEnded tells of each track of a source.
func (g *Group) streamEnded(tracks media.Track, err error) {
	for t, device := range kinds(tracks) {
		g.events.StreamEnd(t, device, err)
	}
}

// kinds are the public names of tracks, video first.
func kinds(tracks media.Track) iter.Seq2[models.StreamType, models.Device] {
	return func(yield func(models.StreamType, models.Device) bool) {
		if tracks.Has(media.TrackVideo) && !yield(models.Video, models.Camera) {
			return
		}
		if tracks.Has(media.TrackAudio) {
			yield(models.Audio, models.Microphone)
		}
	}
}
