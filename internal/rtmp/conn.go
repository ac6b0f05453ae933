package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"github.com/gotgcall/gotgcall/models"
)

const (
	// sendBuffer bounds the system's send buffer for a slow server: about two
	// seconds at 1 Mbit/s, and 20 Mbit/s at a round trip of 100 ms.
	sendBuffer = 256 << 10
	// unacknowledged is how long a server may confirm nothing, where the system
	// can be asked to watch that.
	unacknowledged = 10 * time.Second
	// maxWords bounds the part of a server's words that an error repeats.
	maxWords = 300
)

// Identifiers of the commands that get an answer.
const (
	connectID = iota + 1
	releaseID
	announceID
	createID
	publishID
)

// Conn is one publication, over one connection.
type Conn interface {
	// Write sends a tag. It blocks while the server takes nothing. It is for one
	// goroutine.
	Write(t Tag) error
	// Writing reports whether a Write is waiting for the server.
	Writing() bool
	// Done is closed when the publication is over; Err is the reason.
	Done() <-chan struct{}
	Err() error
	// Bytes is how much has been sent.
	Bytes() uint64
	// Kill ends the publication at once, for a reason. Close ends it properly,
	// within some time; no Write may run. Both may follow the other.
	Kill(reason error)
	Close(grace time.Duration)
}

// conn is the Conn of a server.
type conn struct {
	// immutable after dial
	ingest   Ingest
	raw      net.Conn // closed at once by Close, which that of TLS is not
	secure   net.Conn // raw, or TLS over it
	messages *messages
	stream   uint32

	opened  time.Time    // immutable
	writing atomic.Int64 // nanoseconds from opened to the start of the write in progress; 0: none
	over    sync.Once
	lost    chan struct{} // closed once err is set
	err     error
	read    chan struct{} // closed when the reader has ended
}

// dial connects to a server, which has agreed to take the stream when it returns.
// tlsConfig may be nil. A refusal wraps models.ErrPublishRefused.
func dial(ctx context.Context, in Ingest, tlsConfig *tls.Config) (*conn, error) {
	dialer := net.Dialer{Control: watchAcknowledgements}
	raw, err := dialer.DialContext(ctx, "tcp", in.addr())
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetWriteBuffer(sendBuffer) // a bound that is not granted is the system's
	}
	c := &conn{opened: time.Now(), ingest: in, raw: raw, secure: raw, lost: make(chan struct{}), read: make(chan struct{})}
	if in.scheme == "rtmps" {
		c.secure = tls.Client(raw, tlsFor(in, tlsConfig))
	}
	c.messages = newMessages(c.secure)
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	err = c.negotiate()
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	go c.listen() // ends with the connection; Close waits for it
	return c, nil
}

// tlsFor verifies the server by the system's authorities, which SSL_CERT_FILE
// replaces where crypto/x509 reads it.
func tlsFor(in Ingest, base *tls.Config) *tls.Config {
	cfg := base.Clone() // nil of nil
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg.ServerName = in.host
	return cfg
}

// negotiate asks the server to take the stream.
func (c *conn) negotiate() error {
	if t, ok := c.secure.(*tls.Conn); ok {
		if err := t.Handshake(); err != nil {
			return err
		}
	}
	if _, _, err := handshake.DoClient(c.messages.count, false, false); err != nil {
		return fmt.Errorf("rtmp handshake: %w", hungUp(err))
	}
	if err := c.messages.begin(); err != nil {
		return err
	}
	if err := c.messages.command(0, "connect", connectID, amf0.Object{
		{Key: "app", Value: c.ingest.app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; gotgcall)"},
		{Key: "tcUrl", Value: c.ingest.String()},
	}); err != nil {
		return err
	}
	if _, err := c.await(connectID); err != nil {
		return fmt.Errorf("rtmp connect: %w", err)
	}
	if err := c.publish(); err != nil {
		return fmt.Errorf("rtmp publish: %w", err)
	}
	return nil
}

// publish names the key. A server that hangs up from here on does so because of it:
// not every server says why.
func (c *conn) publish() error {
	key := c.ingest.key
	err := errors.Join(
		c.messages.command(0, "releaseStream", releaseID, nil, key),
		c.messages.command(0, "FCPublish", announceID, nil, key),
		c.messages.command(0, "createStream", createID, nil),
	)
	var created reply
	if err == nil {
		created, err = c.await(createID)
	}
	if err == nil {
		c.stream = streamOf(created)
		if err = c.messages.command(c.stream, "publish", publishID, nil, key, "live"); err == nil {
			_, err = c.await(publishID)
		}
	}
	if errors.Is(hungUp(err), errHungUp) {
		return fmt.Errorf("%w: the server hung up when it was given the stream key", models.ErrPublishRefused)
	}
	return err
}

// streamOf is the number of the stream that a server has created: 1, unless it says
// otherwise.
func streamOf(created reply) uint32 {
	for _, arg := range created.args {
		if n, ok := arg.(float64); ok {
			return uint32(n)
		}
	}
	return 1
}

// await waits for the answer to a command.
func (c *conn) await(id float64) (reply, error) {
	for {
		m, err := c.messages.read()
		if err != nil {
			return reply{}, hungUp(err)
		}
		r, ok := parseReply(m)
		if !ok {
			continue
		}
		status := r.name == "onStatus"
		switch {
		case !status && (r.id != id || r.name != "_result" && r.name != "_error"):
			continue // such as onBWDone, or _error for releaseStream
		}
		if code, words, failed := r.status(); failed {
			return r, fmt.Errorf("%w: %s", models.ErrPublishRefused, c.quote(code, words))
		}
		// publish is answered by a status, the others by a result.
		if status == (id == publishID) {
			return r, nil
		}
	}
}

// quote repeats a server's words, without the key.
func (c *conn) quote(code, words string) string {
	text := code
	switch {
	case text == "" && words == "":
		return "it does not say why"
	case text == "":
		text = words
	case words != "":
		text += ": " + words
	}
	text = strings.Map(printable, c.ingest.Redact(text))
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + " …"
	}
	return text
}

// printable keeps a server from writing lines into a log.
func printable(r rune) rune {
	if r < ' ' || r == 0x7F {
		return ' '
	}
	return r
}

var (
	errHungUp      = errors.New("the server hung up")
	errTookNothing = fmt.Errorf("the server has taken nothing for %s", unacknowledged)
)

// hungUp names an end that the server made.
func hungUp(err error) error {
	if errors.Is(err, syscall.ETIMEDOUT) {
		return fmt.Errorf("%w: %w", errTookNothing, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errHungUp
	}
	if isReset(err) {
		return fmt.Errorf("%w: %w", errHungUp, err)
	}
	return err
}

// listen reads the server's messages after it has agreed.
func (c *conn) listen() {
	defer close(c.read)
	for {
		m, err := c.messages.read()
		if err != nil {
			c.Kill(c.ending(err))
			return
		}
		if r, ok := parseReply(m); ok {
			code, words, failed := r.status()
			if failed || code == "NetStream.Unpublish.Success" || r.name == "close" {
				c.Kill(fmt.Errorf("the server ended the publication: %s", c.quote(code, words)))
				return
			}
		}
	}
}

func (c *conn) Write(t Tag) error {
	select {
	case <-c.lost:
		return c.err
	default:
	}
	m := &rawmessage.Message{
		ChunkStreamID: audioChunks, Timestamp: t.At, Type: byte(t.Kind),
		MessageStreamID: bits.ReverseBytes32(c.stream), Body: t.Body,
	}
	switch t.Kind {
	case KindVideo:
		m.ChunkStreamID = videoChunks
	case KindScript:
		name, _ := amf0.Data{"@setDataFrame"}.Marshal() // a string: it cannot fail
		m.Body = append(name, t.Body...)
	}
	c.writing.Store(max(1, int64(time.Since(c.opened))))
	defer c.writing.Store(0) // after Kill: the reader may not take a write that has failed for none
	if err := c.messages.write(m); err != nil {
		c.Kill(c.ending(err))
		return c.err
	}
	return nil
}

// ending names the end of the connection, by the error of its reader or its writer.
// When the system gives up a server that takes nothing, only one of them gets the
// reason. The other sees a hang-up, which a write that has been blocked for half of
// that time contradicts.
func (c *conn) ending(err error) error {
	if began := c.writing.Load(); began != 0 && time.Since(c.opened)-time.Duration(began) > unacknowledged/2 {
		return fmt.Errorf("%w: %w", errTookNothing, err)
	}
	return hungUp(err)
}

func (c *conn) Writing() bool         { return c.writing.Load() != 0 }
func (c *conn) Done() <-chan struct{} { return c.lost }
func (c *conn) Bytes() uint64         { return c.messages.count.Writer.Count() }

// Err is nil before Done.
func (c *conn) Err() error {
	select {
	case <-c.lost:
		return c.err
	default:
		return nil
	}
}

func (c *conn) Kill(reason error) {
	c.over.Do(func() {
		c.err = reason
		close(c.lost)
		c.raw.Close()
	})
}

func (c *conn) Close(grace time.Duration) {
	if c.Err() == nil {
		_ = c.raw.SetDeadline(time.Now().Add(grace))
		// The publication has ended: an error changes nothing.
		_ = c.messages.command(0, "FCUnpublish", 0, nil, c.ingest.key)
		_ = c.messages.command(0, "deleteStream", 0, nil, float64(c.stream))
		if w, ok := c.secure.(interface{ CloseWrite() error }); ok {
			_ = w.CloseWrite()
			<-c.read // until the server has read it all and closes, or grace is over
		}
	}
	c.Kill(net.ErrClosed)
	<-c.read
}
