package gogramcalls

import (
	"context"
	"errors"
	"fmt"
	"time"

	gogram "github.com/amarnathcjd/gogram"
	"github.com/gotgcall/gotgcall/adapters/gogram/internal/safe"
)

// keyTries is how often a key is made with a data centre before that is a failure: one
// in fifty of gogram's key exchanges does not succeed.
const keyTries = 6

var errDownloaderClosed = errors.New("the downloader is closed")

// line returns a connection to a data centre. The caller holds the turn.
func (d *Downloader) line(ctx context.Context, dc int32) (*gogram.MTProto, error) {
	d.mu.Lock()
	line, closed := d.lines[dc], d.closed
	if d.idle != nil {
		d.idle.Stop()
	}
	d.idle = time.AfterFunc(keepLine, d.tidy)
	d.mu.Unlock()
	switch {
	case closed:
		return nil, errDownloaderClosed
	case line != nil:
		return line, nil
	}
	line, err := d.open(ctx, dc)
	for range keyTries - 1 {
		if err == nil || ctx.Err() != nil || rpcName(err) != "" {
			break
		}
		line, err = d.open(ctx, dc)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to data centre %d: %w", dc, mapped(err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = terminate([]*gogram.MTProto{line})
		return nil, errDownloaderClosed
	}
	d.lines[dc] = line
	return line, nil
}

// open connects to a data centre and logs in there. gogram knows no ctx for it: what
// comes later is closed at once.
func (d *Downloader) open(ctx context.Context, dc int32) (*gogram.MTProto, error) {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	type result struct {
		line *gogram.MTProto
		err  error
	}
	done := make(chan result)
	go func() { // ends when gogram has given up, at the latest
		var r result
		if err := safe.Do(func() (err error) {
			r.line, err = d.tg.CreateExportedSender(int(dc), false)
			return err
		}); err != nil {
			r = result{err: err}
		}
		select {
		case done <- r:
		case <-ctx.Done():
			if r.line != nil {
				_ = terminate([]*gogram.MTProto{r.line})
			}
		}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drop ends a connection.
func (d *Downloader) drop(dc int32) {
	d.mu.Lock()
	line := d.lines[dc]
	delete(d.lines, dc)
	d.mu.Unlock()
	if line != nil {
		_ = terminate([]*gogram.MTProto{line})
	}
}

// tidy ends connections that nobody uses.
func (d *Downloader) tidy() {
	select {
	case d.turn <- struct{}{}:
	default:
		return // a download begins the time again
	}
	defer func() { <-d.turn }()
	d.mu.Lock()
	lines := d.takeLines()
	d.mu.Unlock()
	_ = terminate(lines)
}

// takeLines takes all connections away. d.mu must be held.
func (d *Downloader) takeLines() []*gogram.MTProto {
	var lines []*gogram.MTProto
	for dc, line := range d.lines {
		lines = append(lines, line)
		delete(d.lines, dc)
	}
	if d.idle != nil {
		d.idle.Stop()
	}
	return lines
}

func terminate(lines []*gogram.MTProto) (err error) {
	for _, line := range lines {
		err = errors.Join(err, safe.End(line, line.Terminate))
	}
	return err
}
