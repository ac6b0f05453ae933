package bot

import (
	"context"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// Resolver turns requests into tracks, and tracks into sources. Its methods block, may
// be called concurrently and give up when ctx is done. An error that wraps a
// [track.Refusal] is shown to the user in its words, any other one as a defect.
type Resolver interface {
	// Resolve returns the tracks that a request names, at least one. Their titles are
	// clean and not empty.
	Resolve(ctx context.Context, r track.Request) ([]track.Track, error)

	// Prepare makes a track playable, by a download where it needs one, and returns its
	// source. progress, which must not block, is called with a growing done; total is 0
	// where unknown. The files behind the source stay until release is called, once.
	// After an error nothing is left behind and release is nil.
	Prepare(ctx context.Context, t track.Track, progress func(done, total int64)) (
		src gotgcall.Source, release func(), err error)
}
