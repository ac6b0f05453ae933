package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// runHead is how much of a live stream is remembered: more than the headers of
// Ogg, which are alike in each connection to a radio.
const runHead = 16 << 10

// ErrRepeats is the error of a live stream that begins as an earlier connection to it did:
// it is a file, not a radio.
var ErrRepeats = errors.New("the server sends the same again")

// Run is the record of a client's connections: how long the server was waited for and, of
// what has no length, how it began. A server that calls itself a radio may send a file,
// and sends it from its start to whoever asks again. The zero value is ready.
type Run struct {
	mu     sync.Mutex // guards the rest
	head   []byte
	waited time.Duration
}

// Waited returns the time spent waiting for the server. A radio sends as fast as it
// plays, and a file as fast as it is read.
func (r *Run) Waited() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waited
}

// add records bytes read and the time that took. A nil Run records nothing.
func (r *Run) add(p []byte, waited time.Duration) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited += waited
	r.head = append(r.head, p[:min(len(p), runHead-len(r.head))]...)
}

// begins reports, as ErrRepeats, that a connection begins as this run did. What
// it reads stays in the connection.
func (r *Run) begins(ctx context.Context, conn *connection) error {
	r.mu.Lock()
	head := r.head
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, conn.cancel)
	defer stop()
	got := make([]byte, len(head))
	n, err := io.ReadFull(conn, got)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	rest := conn.Reader
	if err != nil {
		rest = failed{Unexpected(err)}
	}
	conn.Reader = io.MultiReader(bytes.NewReader(got[:n]), rest)
	if n > 0 && bytes.Equal(got[:n], head) {
		return ErrRepeats
	}
	return nil
}
