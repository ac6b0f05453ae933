package record

import (
	"context"
	"fmt"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// Opener opens the sinks that package media describes. The zero Opener is ready.
type Opener struct{}

// OpenSink opens a sink.
func (Opener) OpenSink(_ context.Context, _ media.Env, sink media.Sink) (media.Writer, error) {
	switch s := sink.(type) {
	case media.Files:
		return open(s.Dir)
	case media.Decoded:
		return openDecoded(s)
	}
	return nil, fmt.Errorf("%w: a %T is no sink of package media", models.ErrInvalidParams, sink)
}
