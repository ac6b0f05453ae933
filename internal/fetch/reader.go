package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The waits before a server that was lost is asked again, which double.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 4 * time.Second
)

// errSilent is a server that says nothing.
var errSilent = errors.New("the server is silent")

// reader reads a resource from a byte to its end, by as many connections as it
// takes. It is for one goroutine.
type reader struct {
	r    *Resource
	ctx  context.Context // of one request to the loopback server
	at   int64
	conn *connection

	lost  error     // why there is no connection; nil before the first
	since time.Time // when the last byte came before that
	wait  time.Duration
}

// newReader begins at a byte. With the first the connection that Open made is
// used, if it still is there.
func (r *Resource) newReader(ctx context.Context, at int64) *reader {
	b := &reader{r: r, ctx: ctx, at: at}
	if at == 0 {
		b.conn = r.takeFirst()
	}
	return b
}

func (b *reader) Close() {
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
}

// Read returns io.EOF at the resource's end only. A connection that is lost is
// replaced, if the server gives out ranges, for as long as the client's patience
// lasts; then the error says why it was lost.
func (b *reader) Read(p []byte) (int, error) {
	for {
		if b.conn == nil {
			if err := b.connect(); err != nil {
				return 0, err
			}
		}
		n, err := b.read(p)
		if n > 0 {
			b.at += int64(n)
			b.lost, b.wait = nil, 0
			return n, nil
		}
		if err == nil {
			continue
		}
		closes := b.conn.closes
		b.Close()
		switch {
		case b.ctx.Err() != nil:
			return 0, context.Cause(b.ctx)
		case b.r.Kind == Live:
			return 0, lostLive(err)
		case b.r.Size >= 0 && b.at >= b.r.Size:
			return 0, io.EOF
		case b.r.Size < 0 && (err == io.EOF || closes && errors.Is(err, io.ErrUnexpectedEOF)):
			// Of a body that only the end of its connection ends, TLS cannot say
			// whether it was whole: many servers do not say goodbye.
			return 0, io.EOF
		}
		b.fail(fmt.Errorf("the connection was lost at byte %d: %w", b.at, unexpected(err)))
		if !b.r.Ranges {
			return 0, b.lost
		}
	}
}

// read reads from the connection, which is given up when it is silent.
func (b *reader) read(p []byte) (int, error) {
	stop := context.AfterFunc(b.ctx, b.conn.cancel)
	silent := time.AfterFunc(b.r.client.idle, b.conn.cancel)
	n, err := b.conn.Read(p)
	stop()
	if !silent.Stop() && err != nil {
		err = errSilent
	}
	return n, err
}

// fail notes why there is no connection.
func (b *reader) fail(err error) {
	if b.lost == nil {
		b.since = time.Now()
	}
	b.lost = err
}

// connect asks for the rest of the resource until it gets it.
func (b *reader) connect() error {
	for {
		if b.lost != nil {
			if b.wait = min(max(firstWait, 2*b.wait), lastWait); time.Since(b.since)+b.wait > b.r.client.cfg.Patience {
				return fmt.Errorf("not resumed for %s: %w", time.Since(b.since).Round(time.Second), b.lost)
			}
			if err := pause(b.ctx, b.wait); err != nil {
				return err
			}
			b.r.resumed.Add(1)
		}
		ctx, cancel := context.WithTimeoutCause(b.ctx, b.r.client.idle, errSilent)
		conn, err := b.r.resume(ctx, b.at)
		cancel()
		switch {
		case err == nil:
			b.conn = conn
			return nil
		case b.ctx.Err() != nil:
			return context.Cause(b.ctx)
		case permanent(err):
			return err
		}
		b.fail(err)
	}
}

// unexpected words an end that came too early.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server hung up")
	}
	return err
}

func lostLive(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the server ended the live stream")
	}
	return fmt.Errorf("the live stream was lost: %w", err)
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
