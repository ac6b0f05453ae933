package instances

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
	"github.com/gotgcall/gotgcall/internal/play"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Call is what a chat has one of. Its methods are safe for concurrent use.
type Call interface {
	// Connect takes the join answer and returns when media can flow. A failure
	// ends the call, but for ErrConnectionExists and for the end of ctx, which
	// leaves the call as it was.
	Connect(ctx context.Context, answer string) error
	// AudioSSRC identifies the participant.
	AudioSSRC() (uint32, error)

	// SetSource opens a source and lets it replace what is playing.
	SetSource(ctx context.Context, src media.Source) error
	// Seek plays the current source from what target makes of its position.
	Seek(ctx context.Context, target func(at time.Duration) time.Duration) error
	// SetPaused stops or resumes the source where it is. It reports whether
	// that changed anything.
	SetPaused(on bool) (bool, error)
	// SetMuted withholds or sends what is played. It reports whether that
	// changed anything.
	SetMuted(on bool) (bool, error)

	// State returns the mute, pause and video flags.
	State() models.MediaState
	// Position is where in the source what was last handed over ends.
	Position() time.Duration
	// Stats returns what the call has done so far.
	Stats() models.Stats

	// Stop ends the call for a reason and waits until nothing of it is left. It
	// may be called at any time, any number of times.
	// It reports whether it was what ended the call.
	Stop(reason error) bool
}

// Config is what calls of one Client have in common.
type Config struct {
	Logger         *slog.Logger
	Media          media.Env
	Peer           peer.Config // without OnState
	Certs          *peer.CertPool
	ConnectTimeout time.Duration
	StallTimeout   time.Duration
	RTMPRetry      time.Duration // how long a publication is tried again
}

// Remains is what a call was doing when its connection was lost.
type Remains struct {
	play.Snapshot
	Lost  time.Time    // when the connection was lost
	Stats models.Stats // counters up to then
}

// Events receives what happens to a call. The methods are called in order, with
// locks of the call held: they must neither block nor call it.
type Events interface {
	play.Events
	// Connection reports a change of the connection.
	Connection(models.NetworkInfo)
	// Ended is called once, with no lock held. It calls last, which reports
	// the last events, and frees the chat, both before anybody can make the
	// chat's next call. If the connection was lost, r is what Rejoin needs;
	// otherwise r is nil. No event follows.
	Ended(r *Remains, last func())
	// Gone is called once, after everything else: nothing of the call is left.
	Gone()
}
