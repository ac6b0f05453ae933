package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/amarnathcjd/gogram/telegram"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
)

// Downloader downloads files with a client, one at a time, over connections of their
// own: a slow file does not delay the client's other requests. telegram.DownloadMedia
// is not used: it writes where the sender's file name says, leaves the end of a longer
// file in place, and two of it at once may end the program.
type Downloader struct {
	tg   *telegram.Client
	turn chan struct{} // holds one token

	mu     sync.Mutex
	lines  map[int32]*gogram.MTProto // by data centre
	idle   *time.Timer
	closed bool
}

// NewDownloader returns a downloader for a client. [Downloader.Close] ends its
// connections.
func NewDownloader(tg *telegram.Client) *Downloader {
	return &Downloader{tg: tg, turn: make(chan struct{}, 1), lines: map[int32]*gogram.MTProto{}}
}

const (
	partSize    = 512 << 10        // the most of upload.getFile that divides 1 MiB and suits every file
	partTimeout = 60 * time.Second // 9 kB/s
	partTries   = 4
	keepLine    = time.Minute      // a connection without a download
	maxWait     = 30 * time.Second // of a flood that is waited for
)

// Download writes the document to a file, from its beginning, and truncates it to that.
// After a failure the file is empty. progress, if not nil, is called with growing
// figures, from this goroutine. It fails with [ErrReference], and with
// *groupcall.Flood when Telegram demands a longer wait.
func (d *Downloader) Download(ctx context.Context, doc *telegram.DocumentObj, to *os.File, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := to.Truncate(0); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("download: %w", ctx.Err())
	}
	defer func() { <-d.turn }()
	if err := d.parts(ctx, doc, to, progress); err != nil {
		_ = to.Truncate(0)
		return fmt.Errorf("download: %w", err)
	}
	return nil
}

// parts fetches one part after another.
func (d *Downloader) parts(ctx context.Context, doc *telegram.DocumentObj, to *os.File, progress func(done, total int64)) error {
	dc := doc.DcID
	if dc == 0 {
		dc = int32(d.tg.GetDC())
	}
	r := &telegram.UploadGetFileParams{
		Precise: true, Limit: partSize,
		Location: &telegram.InputDocumentFileLocation{
			ID: doc.ID, AccessHash: doc.AccessHash, FileReference: doc.FileReference,
		},
	}
	progress(0, doc.Size)
	for r.Offset < doc.Size {
		part, err := d.part(ctx, &dc, r)
		if err != nil {
			return err
		}
		part = part[:min(int64(len(part)), doc.Size-r.Offset)]
		if len(part) == 0 {
			return fmt.Errorf("the file ends at %d bytes of %d", r.Offset, doc.Size)
		}
		if _, err := to.WriteAt(part, r.Offset); err != nil {
			return err
		}
		r.Offset += int64(len(part))
		progress(r.Offset, doc.Size)
	}
	return nil
}

// part fetches a part, several times if need be, and follows the file to its data centre.
func (d *Downloader) part(ctx context.Context, dc *int32, r *telegram.UploadGetFileParams) ([]byte, error) {
	var err error
	for range partTries {
		var line *gogram.MTProto
		if line, err = d.line(ctx, *dc); err != nil {
			return nil, err
		}
		var got telegram.UploadFile
		got, err = ask[telegram.UploadFile](ctx, partTimeout, r, func(ctx context.Context) (any, error) {
			return line.MakeRequestCtx(ctx, r)
		})
		var flood *groupcall.Flood
		var rpc *gogram.ErrResponseCode
		switch {
		case err == nil:
			file, ok := got.(*telegram.UploadFileObj)
			if !ok {
				return nil, fmt.Errorf("unexpected answer %T", got)
			}
			return file.Bytes, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &flood):
			if flood.Wait > maxWait {
				return nil, err
			}
			err = wait(ctx, flood.Wait, err)
		case errors.As(err, &rpc) && rpc.Message == "FILE_MIGRATE_X":
			if to, ok := rpc.AdditionalInfo.(int); ok {
				*dc = int32(to)
			}
		case errors.Is(err, groupcall.ErrTransient):
			err = wait(ctx, time.Second, err)
		case rpc != nil:
			return nil, err
		default: // the connection
			d.drop(*dc)
		}
	}
	return nil, err
}

// wait returns err after a while, or ctx's.
func wait(ctx context.Context, d time.Duration, err error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the downloader's connections. Downloads under way fail.
func (d *Downloader) Close() error {
	d.mu.Lock()
	d.closed = true
	lines := d.takeLines()
	d.mu.Unlock()
	return terminate(lines)
}
