package instances

import (
	"context"
	"log/slog"
	"time"

	"github.com/gotgcall/gotgcall/internal/peer"
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
	Stop(reason error)
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
	Source        media.Source // nil: nothing
	Position      time.Duration
	Paused, Muted bool
}

// Events is how a call tells of itself. The functions are called in order, from
// goroutines of the call, and must not block.
type Events struct {
	// Ended: the call is over. It comes first and once; when the connection
	// was lost with what a rejoin would go on with, else with nil.
	Ended func(*Remains)
	// StreamEnd: a source ended, for one of its tracks.
	StreamEnd func(models.StreamType, models.Device, error)
	// Upgrade: what the bot shows in Telegram changed.
	Upgrade func(models.MediaState)
	// Connection: the connection changed.
	Connection func(models.NetworkInfo)
	// Gone: nothing of the call is left. It comes last and once.
	Gone func()
}
