package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The waits before a request to a lost server is repeated. They double.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 4 * time.Second
)

// errSilent is the error of a server that sends nothing.
var errSilent = errors.New("the server is silent")

// reader reads a resource from a byte to its end, by as many connections as it
// takes. It is for one goroutine.
type reader struct {
	r    *Resource
	ctx  context.Context // of one request to the loopback server
	at   int64
	conn *connection

	tries tries
}

// NewReader returns a reader of the resource from its beginning. It requests again what
// is lost on the way. The caller must Close it.
func (r *Resource) NewReader(ctx context.Context) io.ReadCloser { return r.newReader(ctx, 0) }

// newReader begins at a byte. With the first the connection that Open made is
// used, if it still is there.
func (r *Resource) newReader(ctx context.Context, at int64) *reader {
	b := &reader{r: r, ctx: ctx, at: at}
	if at == 0 {
		b.conn = r.takeFirst()
	}
	return b
}

func (b *reader) Close() error {
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
	return nil
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
		begin := time.Now()
		n, err := b.read(p)
		if n > 0 {
			b.at += int64(n)
			b.tries = tries{}
			return n, nil
		}
		if err == nil {
			continue
		}
		endless := b.conn.endless()
		b.Close()
		switch {
		case b.ctx.Err() != nil:
			return 0, context.Cause(b.ctx)
		case b.r.Kind == Live:
			return 0, lostLive(err)
		case b.r.Size >= 0 && b.at >= b.r.Size:
			return 0, io.EOF
		case b.r.Size < 0 && (errors.Is(err, io.EOF) || endless && errors.Is(err, io.ErrUnexpectedEOF)):
			// Of a body that only the end of its connection ends, TLS cannot say
			// whether it was whole: many servers do not say goodbye.
			return 0, io.EOF
		}
		err = fmt.Errorf("the connection was lost at byte %d: %w", b.at, Unexpected(err))
		if !b.r.Ranges {
			return 0, err
		}
		b.tries.failed(err, begin)
	}
}

// read reads from the connection, and gives up one that is silent.
func (b *reader) read(p []byte) (int, error) {
	stop := context.AfterFunc(b.ctx, b.conn.cancel)
	silent := time.AfterFunc(b.silence(), b.conn.cancel)
	begin := time.Now()
	n, err := b.conn.Read(p)
	stop()
	took := time.Since(begin)
	if b.r.Size < 0 {
		b.r.client.cfg.Run.add(p[:n], took)
	} else {
		b.r.client.cfg.Run.add(nil, took)
	}
	if !silent.Stop() && err != nil {
		err = errSilent
	}
	return n, err
}

// silence returns how long the server may be silent: the whole patience if the rest cannot
// be requested again.
func (b *reader) silence() time.Duration {
	if b.r.Kind == Finite && !b.r.Ranges {
		return b.r.client.cfg.Patience
	}
	return b.r.client.idle
}

// connect asks for the rest of the resource until it gets it.
func (b *reader) connect() error {
	c := b.r.client
	if b.tries.last != nil {
		b.r.resumed.Add(1)
	}
	return c.again(b.ctx, &b.tries, func(ctx context.Context) (err error) {
		b.conn, err = b.r.resume(ctx, b.at)
		return err
	})
}

// tries is the state of the attempts to reach a lost server.
type tries struct {
	last  error     // why the last one failed; nil before one has
	since time.Time // since when there has been nothing
	wait  time.Duration
}

func (t *tries) failed(err error, since time.Time) {
	if t.last == nil {
		t.since = since
	}
	t.last = err
}

// Retry calls try until it succeeds, fails for good or the client's patience is
// over, and waits in between. The context of each try ends when a server has been
// silent for too long.
func (c *Client) Retry(ctx context.Context, try func(ctx context.Context) error) error {
	return c.again(ctx, &tries{}, try)
}

func (c *Client) again(ctx context.Context, t *tries, try func(context.Context) error) error {
	begin := time.Now()
	for {
		if t.last != nil {
			t.wait = min(max(firstWait, 2*t.wait), lastWait)
			if waited := time.Since(t.since); waited+t.wait > c.cfg.Patience {
				return fmt.Errorf("not back within %s: %w", waited.Round(time.Second), t.last)
			}
			if err := Pause(ctx, t.wait); err != nil {
				return err
			}
		}
		one, cancel := context.WithTimeoutCause(ctx, c.idle, errSilent)
		err := try(one)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case permanent(err):
			return err
		}
		t.failed(err, begin)
	}
}

// Unexpected words an end that came too early.
func Unexpected(err error) error {
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

// Pause waits for d, or until ctx ends, whose cause it returns.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
