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
	created phase = iota
	connecting
	connected
	ended
)

// Group is a WebRTC group call.
type Group struct {
	cfg    Config
	events Events
	id     *peer.Identity
	player *player

	mu    sync.Mutex // guards what follows; held while nothing waits
	phase phase
	conn  *peer.Conn
	abort context.CancelCauseFunc // calls off the connecting; nil otherwise
	dial  sync.WaitGroup          // one while connecting
	state models.ConnState        // what events.Connection heard last
	began time.Time               // when Connect was called
	since time.Time               // when the connection was up

	over chan struct{} // closed when the call has ended and nothing of it is left
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
func (g *Group) Params() (string, error) { return g.id.Join().Encode() }

// AudioSSRC identifies the participant.
func (g *Group) AudioSSRC() (uint32, error) { return g.id.AudioSSRC, nil }

// Connect takes the join answer and returns when media can flow. A failure ends
// the call, but for ErrConnectionExists and for the end of ctx, which leaves the
// call as it was, ready for another Connect.
func (g *Group) Connect(ctx context.Context, answer string) error {
	attempt, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	attempt, cancel := context.WithTimeoutCause(attempt, g.cfg.ConnectTimeout,
		fmt.Errorf("%w: not up after %s", models.ErrConnectionTimeout, g.cfg.ConnectTimeout))
	defer cancel()

	if err := g.begin(abort); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	conn, err := g.open(attempt, answer)
	if err == nil {
		err = g.up(attempt, conn)
	}
	if err == nil {
		g.dial.Done()
		return nil
	}
	if ctx.Err() == nil || !g.revert() {
		g.dial.Done()
		g.end(err)
	}
	return fmt.Errorf("connect: %w", err)
}

func (g *Group) begin(abort context.CancelCauseFunc) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.phase {
	case created:
	case ended:
		return models.ErrConnectionNotFound
	default:
		return models.ErrConnectionExists
	}
	g.phase, g.abort, g.began = connecting, abort, time.Now()
	g.dial.Add(1)
	g.tell(models.Connecting)
	return nil
}

func (g *Group) open(ctx context.Context, answer string) (*peer.Conn, error) {
	response, err := jsonparams.Decode(answer)
	if err != nil {
		return nil, err
	}
	cfg := g.cfg.Peer
	cfg.OnState = g.connectionChanged
	return peer.Dial(ctx, g.id, response, cfg)
}

// up makes the connection the call's, unless the call was ended meanwhile.
func (g *Group) up(ctx context.Context, conn *peer.Conn) error {
	g.mu.Lock()
	if g.phase != connecting {
		g.mu.Unlock()
		return errors.Join(context.Cause(ctx), conn.Close())
	}
	g.phase, g.conn, g.abort, g.since = connected, conn, nil, time.Now()
	g.tell(models.Connected)
	g.mu.Unlock()
	g.player.connect(func(f media.Frame, due time.Time) {
		track := conn.Audio()
		if f.Track == media.TrackVideo {
			track = conn.Video()
		}
		// It fails when the connection goes away, which it reports itself.
		_ = track.WriteFrame(f.Data, due)
	})
	return nil
}

// revert undoes begin after a Connect that its caller called off. It reports
// whether the call is still there.
func (g *Group) revert() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase != connecting {
		return false
	}
	g.phase, g.abort = created, nil
	g.tell(models.Disconnected)
	g.dial.Done()
	return true
}

// connectionChanged hears from the connection after it was up. It must not wait
// for the connection, so a failure is cleaned up on a goroutine of its own.
func (g *Group) connectionChanged(state models.ConnState, reason error) {
	if state == models.Failed {
		go g.end(reason) // ends by itself; Stop waits for the same end
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase == connected {
		g.tell(state)
	}
}

// tell reports a state of the connection. The caller holds mu, which keeps the
// reports in order.
func (g *Group) tell(state models.ConnState) {
	g.state = state
	g.events.Connection(models.NetworkInfo{State: state})
}

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
	conn := g.conn
	if !g.since.IsZero() {
		stats.ConnectTime = g.since.Sub(g.began)
	}
	g.mu.Unlock()
	stats.Audio.SSRC, stats.Video.SSRC = g.id.AudioSSRC, g.id.Layers[0].SSRC
	if conn != nil {
		stats.Audio, stats.Video = conn.Stats()
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
	conn, abort := g.conn, g.abort
	g.mu.Unlock()
	defer g.events.Gone()
	defer close(g.over)

	g.events.Ended()
	if abort != nil {
		abort(reason)
	}
	g.player.close(reason)
	g.dial.Wait()
	if conn != nil {
		if err := conn.Close(); err != nil {
			g.cfg.Logger.Debug("close connection", "err", err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell(finalState(reason))
}

// finalState is the last word on a connection that ended for a reason.
func finalState(reason error) models.ConnState {
	switch {
	case errors.Is(reason, models.ErrStopped), errors.Is(reason, models.ErrClosed):
		return models.Closed
	case errors.Is(reason, models.ErrConnectionTimeout):
		return models.Timeout
	}
	return models.Failed
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
