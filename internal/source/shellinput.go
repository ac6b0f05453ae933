package source

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/models"
)

// seekableInput returns models.ErrSeekUnsupported for an input of a command that is
// known, without asking ffmpeg, not to be seekable.
func seekableInput(ctx context.Context, url string) error {
	scheme, _, network := strings.Cut(url, "://")
	switch {
	case url == "-", strings.HasPrefix(url, "pipe:"), strings.HasPrefix(url, "fd:"):
		return fmt.Errorf("%w: the input is a pipe", models.ErrSeekUnsupported)
	case network && scheme != "file":
		return seekableURL(ctx, strings.ToLower(scheme), url)
	}
	path := strings.TrimPrefix(strings.TrimPrefix(url, "file:"), "//")
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: the input is no regular file", models.ErrSeekUnsupported)
	}
	return nil // what it is, ffmpeg knows
}

// askTimeout bounds the request that finds out how a server serves an input.
const askTimeout = 5 * time.Second

// seekableURL returns models.ErrSeekUnsupported for a URL that is known not to be
// seekable. Where that is uncertain, ffmpeg decides.
func seekableURL(ctx context.Context, scheme, url string) error {
	if scheme != "http" && scheme != "https" {
		return fmt.Errorf("%w: %s streams are live", models.ErrSeekUnsupported, scheme)
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	client := fetch.New(fetch.Config{Insecure: true}) // ffmpeg decides
	defer client.Close()
	resource, err := client.Open(asking, url)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return nil // ffmpeg words it better, and may well have none
	case resource.Kind == fetch.Playlist:
		// It needs -copyts, which would move the command's -t and -to.
		return fmt.Errorf("%w: the input is a playlist", models.ErrSeekUnsupported)
	}
	return reachable(resource, 1)
}
