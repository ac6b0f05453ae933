package resolve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/files"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp"
)

// errDownload is the error of a message's file that did not come.
var errDownload = errors.New("download")

// errStalled ends a download without progress.
var errStalled = fmt.Errorf("%w: no progress", errDownload)

// Prepare makes a track playable, by a download where it needs one. progress, which must
// not block and may be nil, is called with a growing done; total is 0 where unknown. The
// files behind the source stay until release is called, once or more often. After an
// error nothing is left behind and release is nil. Errors that a user can do something
// about are [track.Refusal].
func (r *Resolver) Prepare(ctx context.Context, t track.Track, progress func(done, total int64)) (
	src gotgcall.Source, release func(), err error,
) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	options := r.cfg.Encoding
	options.Tracks = gotgcall.TrackAudio
	if t.Video {
		options.Tracks |= gotgcall.TrackVideo
	}
	switch o := t.Origin; {
	case o.URL != "":
		u, err := parseAddress(o.URL)
		if err == nil {
			err = r.refusedHost(ctx, u)
		}
		if err != nil {
			return nil, nil, explain(err)
		}
		return gotgcall.FromURL(written(u), options), func() {}, nil
	case o.Name != "":
		path, err := r.libraryFile(o.Name, t.By)
		if err != nil {
			return nil, nil, err
		}
		return gotgcall.FromFile(path, options), func() {}, nil
	case o.Media == nil && o.Page == "":
		return nil, nil, explain(errors.New("a track without an origin"))
	}
	f, err := r.download(ctx, t, progress)
	if err != nil {
		return nil, nil, explain(err)
	}
	return gotgcall.FromFile(f.Path, options), f.Release, nil
}

func (r *Resolver) download(ctx context.Context, t track.Track, progress func(done, total int64)) (*files.File, error) {
	if t.Origin.Media != nil {
		return r.fromTelegram(ctx, *t.Origin.Media, progress)
	}
	return r.fromPage(ctx, t, progress)
}

// enter waits for a place. The caller must call leave.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// fromPage downloads by yt-dlp.
func (r *Resolver) fromPage(ctx context.Context, t track.Track, progress func(done, total int64)) (*files.File, error) {
	u, err := parseAddress(t.Origin.Page)
	switch {
	case err != nil:
		return nil, err
	case r.cfg.Pages == nil:
		return nil, ytdlp.ErrMissing
	}
	kind, most := "sound", r.cfg.MaxPage
	if t.Video {
		kind, most = "video", 2*r.cfg.MaxPage // while picture and sound are merged
	}
	// Whoever waits here takes none of the places for downloads.
	leave, err := enter(ctx, r.pages)
	if err != nil {
		return nil, err
	}
	defer leave()
	return r.cfg.Files.Fetch(ctx, files.Want{
		Key:      "page " + kind + " " + written(u),
		Max:      most,
		Progress: func(done int64) { progress(done, 0) },
		Fill: func(ctx context.Context, dir *os.Root) (string, error) {
			return r.cfg.Pages.Download(ctx, written(u), t.Length, t.Video, dir)
		},
	})
}

// fromTelegram downloads a message's file.
func (r *Resolver) fromTelegram(ctx context.Context, m track.Media, progress func(done, total int64)) (*files.File, error) {
	if m.Size <= 0 || m.Size > r.cfg.MaxFile {
		return nil, files.ErrTooLarge // the bounds may have changed since it was queued
	}
	leave, err := enter(ctx, r.telegram)
	if err != nil {
		return nil, err
	}
	defer leave()
	key := fmt.Sprintf("media %d", m.ID)
	if m.ID == 0 {
		key = fmt.Sprintf("message %d %d", m.Chat, m.Message)
	}
	return r.cfg.Files.Fetch(ctx, files.Want{
		Key: key, Size: m.Size, Max: m.Size,
		Fill: func(ctx context.Context, dir *os.Root) (string, error) { return r.fill(ctx, m, dir, progress) },
	})
}

// downloadTries is how often a file is asked for when Telegram's servers fail.
const downloadTries = 3

// final reports an error that another try would only repeat.
func final(err error) bool {
	var flood *groupcall.Flood
	return errors.Is(err, telegram.ErrGone) || errors.As(err, &flood) || errors.Is(err, syscall.ENOSPC) ||
		errors.Is(err, groupcall.ErrNotInChat) || errors.Is(err, groupcall.ErrAccountDead)
}

// fill downloads a message's file into a directory.
func (r *Resolver) fill(ctx context.Context, m track.Media, dir *os.Root, progress func(done, total int64)) (string, error) {
	const name = "media" // whatever its sender calls it
	f, err := dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("download: %w", err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(r.cfg.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	last := int64(0)
	report := func(done, _ int64) {
		watchdog.Reset(r.cfg.stall)
		if done > last {
			last = done
			progress(done, m.Size)
		}
	}
	for range downloadTries {
		if err = r.cfg.Telegram.Download(ctx, m, f, report); err == nil || ctx.Err() != nil || final(err) {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded): // a request's own
		return "", fmt.Errorf("%w: %w", errStalled, err)
	case err != nil:
		return "", fmt.Errorf("%w: %w", errDownload, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("download: %w", err)
	case info.Size() != m.Size:
		return "", fmt.Errorf("%w: %d bytes of %d", errDownload, info.Size(), m.Size)
	}
	return name, nil
}
