package instances

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/internal/receive"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Config holds the settings that all calls of a Client share.
type Config struct {
	Logger         *slog.Logger
	Media          media.Env
	Peer           peer.Config // without OnState
	Certs          *peer.CertPool
	ConnectTimeout time.Duration
	StallTimeout   time.Duration
	RTMPRetry      time.Duration // how long a lost publication is retried
	Wheel          *play.Wheel   // paces the calls whose lines do not block
}

// Events receives what happens to a call. The methods are called in order, with
// locks of the call held: they must neither block nor call it.
type Events interface {
	play.Events
	receive.Events
	// Connection reports a change of the connection.
	Connection(models.NetworkInfo)
	// Ended is called once, with no lock held. It calls last, which reports
	// the last events, and frees the chat, both before the chat's next call can
	// be created. If the connection was lost, r is what Rejoin needs;
	// otherwise r is nil. No event follows.
	Ended(r *Remains, last func())
	// Gone is called once, after everything else: nothing of the call is left.
	Gone()
}

// Remains is what a call was doing when its connection was lost.
type Remains struct {
	play.Snapshot
	Sink  media.Sink   // nil: none
	Lost  time.Time    // when the connection was lost
	Stats models.Stats // counters up to then
}

// Call is a chat's call: a player, and the line that carries what it plays. A chat
// has at most one. Its methods are safe for concurrent use.
type Call struct {
	// immutable after the constructor
	kind   Kind
	cfg    Config
	events Events
	player *play.Player
	line   line
	life   context.Context // done when the call has ended; the cause is the reason
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when nothing of the call is left

	mu     sync.Mutex // guards what follows; held while nothing waits
	phase  phase
	reason error            // why the call ended; nil before
	state  models.ConnState // what events.Connection reported last
	began  time.Time        // when the latest connection was begun
	since  time.Time        // when a connection came up
	took   time.Duration    // how long that took
}

// newCall returns a call that still lacks its player and its line.
func newCall(kind Kind, cfg Config, events Events, first phase) *Call {
	c := &Call{kind: kind, cfg: cfg, events: events, phase: first, over: make(chan struct{})}
	c.life, c.cancel = context.WithCancelCause(context.Background())
	return c
}

// Kind returns the kind of line.
func (c *Call) Kind() Kind { return c.kind }

// Join returns the first join payload. For a restored call it blocks until the
// source is reopened; a failure then ends the call without an event.
func (c *Call) Join(ctx context.Context) (string, error) { return c.line.Join(ctx) }

// Connect applies the join answer and returns when media can flow. A failure ends
// the call, except ErrConnectionExists, the end of ctx, which leaves the call as it
// was, and the failure of a rejoin whose old connection still lives.
func (c *Call) Connect(ctx context.Context, answer string) error { return c.line.Connect(ctx, answer) }

// Rejoin returns another join payload, whose answer the next Connect takes. The old
// connection stays in use until the new one is up. If it is lost meanwhile, playback
// is held until the new one is up, or until the call would have ended without a
// Rejoin.
func (c *Call) Rejoin() (string, error) { return c.line.Rejoin() }

// AudioSSRC identifies the participant.
func (c *Call) AudioSSRC() (uint32, error) { return c.line.AudioSSRC() }

// SetSource opens a source and replaces the current one with it.
func (c *Call) SetSource(ctx context.Context, src media.Source) error {
	return c.line.SetSource(ctx, src)
}

// SetNext opens a source that begins when the current one has ended, or at once when
// nothing plays. A nil src takes back the one set before.
func (c *Call) SetNext(ctx context.Context, src media.Source) error {
	return c.line.SetNext(ctx, src)
}

// SetSink opens a sink and replaces the one before with it. A nil sink ends receiving.
func (c *Call) SetSink(ctx context.Context, sink media.Sink) error { return c.line.SetSink(ctx, sink) }

// SetParticipants says whose stream an SSRC is.
func (c *Call) SetParticipants(all []models.Participant) error { return c.line.SetParticipants(all) }

// Seek plays the current source from what target makes of its position.
func (c *Call) Seek(ctx context.Context, target func(at time.Duration) time.Duration) error {
	return c.player.Seek(ctx, target)
}

// SetPaused stops the source where it is, or resumes it. It reports whether that
// changed anything.
func (c *Call) SetPaused(on bool) (bool, error) { return c.player.SetPaused(on) }

// SetMuted withholds or sends what is played. It reports whether that changed
// anything.
func (c *Call) SetMuted(on bool) (bool, error) { return c.player.SetMuted(on) }

// State returns the mute, pause and video flags.
func (c *Call) State() models.MediaState { return c.player.State() }

// Position returns how far the current source has been handed to the line, or where
// the last one ended.
func (c *Call) Position() time.Duration { return c.player.Position() }

// SourceInfo returns what the current source says of itself, or false when there is none.
func (c *Call) SourceInfo() (media.SourceInfo, bool) { return c.player.SourceInfo() }

// SetSound sets the sound of the current source and of later ones.
func (c *Call) SetSound(ctx context.Context, s media.Sound) error { return c.player.SetSound(ctx, s) }

// Sound returns the sound that was set last.
func (c *Call) Sound() media.Sound { return c.player.Sound() }

// Stats returns what the call has done so far, over all its connections.
func (c *Call) Stats() models.Stats {
	c.mu.Lock()
	stats := models.Stats{State: c.state, ConnectedAt: c.since, ConnectTime: c.took}
	c.mu.Unlock()
	c.line.Stats(&stats)
	c.player.Stats(&stats)
	return stats
}

// Stop ends the call for a reason and waits until nothing of it is left. It may be
// called in any phase, any number of times. It reports whether it ended the call.
func (c *Call) Stop(reason error) bool { return c.end(func() error { return reason }) }

// end tears the call down if why, which is called with mu held, returns a reason:
// the last events first, which free the chat, then the player, then the line.
func (c *Call) end(why func() error) bool {
	c.mu.Lock()
	was := c.phase
	if was == ended {
		c.mu.Unlock()
		<-c.over
		return false
	}
	reason := why()
	if reason == nil || c.move(ended, was) != nil {
		c.mu.Unlock()
		return false
	}
	c.reason = reason
	c.mu.Unlock()
	defer c.events.Gone()
	defer close(c.over)

	c.events.Ended(c.remains(was, reason), func() { c.reportEnd(was, reason) })
	c.cancel(reason)
	c.player.Close(reason)
	c.line.Close()
	return true
}

// remains returns what Rejoin needs, or nil when there is nothing to rejoin.
func (c *Call) remains(was phase, reason error) *Remains {
	if onPurpose(reason) {
		return nil
	}
	return c.line.Remains(was)
}

// reportEnd reports the end of the source and of the connection. No event follows. A
// call that could not be restored reports nothing: Rejoin returns the reason.
func (c *Call) reportEnd(was phase, reason error) {
	c.player.Shut(reason)
	if was == restoring && !onPurpose(reason) {
		return
	}
	state := models.Failed
	switch {
	case onPurpose(reason):
		state, reason = models.Closed, nil
	case errors.Is(reason, models.ErrConnectionTimeout):
		state = models.Timeout
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report(state, reason)
}

// report reports the state of the connection and the reason for it; a second
// Disconnected is left out. mu must be held, which keeps the reports in order.
func (c *Call) report(state models.ConnState, why error) {
	if state == models.Disconnected && c.state == state {
		return
	}
	c.state = state
	c.events.Connection(models.NetworkInfo{State: state, Err: why})
}

// onPurpose reports whether Stop or Close is the reason of an end.
func onPurpose(reason error) bool {
	return errors.Is(reason, models.ErrStopped) || errors.Is(reason, models.ErrClosed)
}
