package instances

import (
	"context"
	"fmt"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Kind is the kind of line that a call has.
type Kind int

// The kinds of line.
const (
	Group Kind = iota // WebRTC, into a group call
	RTMP              // a publication at an RTMP server
)

// String returns the kind with its article.
func (k Kind) String() string {
	return [...]string{"a WebRTC call", "an RTMP call"}[k]
}

// line carries what a call plays. Its methods are called without the call's mu.
type line interface {
	// Join, Connect, Rejoin, AudioSSRC, SetSource and SetNext are those of Call.
	Join(ctx context.Context) (string, error)
	Connect(ctx context.Context, answer string) error
	Rejoin() (string, error)
	AudioSSRC() (uint32, error)
	SetSource(ctx context.Context, src media.Source) error
	SetNext(ctx context.Context, src media.Source) error
	// SetSink and SetParticipants are those of Call.
	SetSink(ctx context.Context, sink media.Sink) error
	SetParticipants([]models.Participant) error
	// Stats adds the line's figures.
	Stats(*models.Stats)
	// Remains returns what a rejoin needs after an end in a phase, or nil when
	// there is nothing to rejoin.
	Remains(was phase) *Remains
	// Close is called once, when the player is closed. It waits until nothing of
	// the line is left.
	Close()
}

// noLine answers for a line without a join.
type noLine struct{ kind Kind }

func (n noLine) wrongMode() error { return fmt.Errorf("%w: it is %s", models.ErrWrongMode, n.kind) }

func (n noLine) Join(context.Context) (string, error)       { return "", n.wrongMode() }
func (n noLine) Connect(context.Context, string) error      { return n.wrongMode() }
func (n noLine) Rejoin() (string, error)                    { return "", n.wrongMode() }
func (n noLine) AudioSSRC() (uint32, error)                 { return 0, n.wrongMode() }
func (n noLine) SetSink(context.Context, media.Sink) error  { return n.wrongMode() }
func (n noLine) SetParticipants([]models.Participant) error { return n.wrongMode() }
func (n noLine) Remains(phase) *Remains                     { return nil }
