package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// maxBehind is how long a server may take nothing, see watchdog.
	maxBehind = 10 * time.Second
	// writeGrace, endGrace and closeGrace are the times that Close leaves for a
	// picture that is being written, for the encoder to finish, and for the server
	// to read it.
	writeGrace = 200 * time.Millisecond
	endGrace   = 400 * time.Millisecond
	closeGrace = 200 * time.Millisecond
)

// Config holds the format, the server and the callbacks of a Publisher.
type Config struct {
	Env    media.Env
	Ingest Ingest
	Format Format
	// NoVideo: there is no video to begin with.
	NoVideo bool
	// ConnectTimeout bounds one attempt, and Retry how long is tried again.
	ConnectTimeout, Retry time.Duration
	// TLS is for servers whose certificate the system cannot verify; nil for others.
	TLS *tls.Config

	// The functions below are called in order, from one goroutine. They must not
	// block, nor call Close.

	// Connected: the server accepts the frames of Sink.
	Connected func()
	// Disconnected: it does not, until the next Connected.
	Disconnected func(err error)
	// Failed comes last, and not after Close: the publisher has given up.
	Failed func(err error)

	// Encode and Dial replace ffmpeg and the network, in tests.
	Encode func(Format) (Encoder, error)
	Dial   func(context.Context) (Conn, error)
}

// Publisher publishes until it is closed, over one connection after another.
type Publisher struct {
	// immutable after Start
	cfg    Config
	comp   *compositor
	life   context.Context // ends with Close
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing of it is left

	// owned by run
	enc    Encoder // nil when there is none
	primed bool    // it has been given the beginning of the next publication

	mu    sync.Mutex // guards what follows
	conn  Conn       // the latest; nil before the first
	bytes uint64     // published before it
}

// Stats holds the counters of a Publisher.
type Stats struct {
	// Pictures were given to the encoder: some, while none changes. PicturesShed
	// are those that it, or the server, left no time for.
	Pictures, PicturesShed uint64
	Bytes                  uint64 // published, sound and protocol included
}

// Start begins to publish. The caller must Close the Publisher.
func Start(cfg Config) *Publisher {
	if cfg.Encode == nil {
		cfg.Encode = func(f Format) (Encoder, error) { return startEncoder(cfg.Env, f) }
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context) (Conn, error) { return dial(ctx, cfg.Ingest, cfg.TLS) }
	}
	p := &Publisher{cfg: cfg, comp: newCompositor(cfg.Format, cfg.NoVideo), done: make(chan struct{})}
	p.life, p.cancel = context.WithCancel(context.Background())
	go p.run() // ends with life; Close waits for it
	return p
}

// Format is that of the pictures which Sink takes.
func (p *Publisher) Format() Format { return p.cfg.Format }

// Sink takes a raw frame that is due. It does not block, and keeps nothing of it.
func (p *Publisher) Sink(f media.Frame, due time.Time) { p.comp.write(f, due) }

// SetNoVideo turns the video black from the end of the last picture on, or ends that.
func (p *Publisher) SetNoVideo(on bool) { p.comp.setNoVideo(on) }

// Stats returns the counters.
func (p *Publisher) Stats() Stats {
	given, dropped := p.comp.counts()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Pictures: given, PicturesShed: dropped, Bytes: p.bytes}
	if p.conn != nil {
		s.Bytes += p.conn.Bytes()
	}
	return s
}

// Close ends the publication, properly where the server lets it, within a second,
// and waits until nothing of it is left. It is idempotent.
func (p *Publisher) Close() {
	p.cancel()
	<-p.done
}

// run keeps a publication going until Close, and gives up when none can be had for
// the time that is allowed.
func (p *Publisher) run() {
	defer close(p.done)
	defer func() { _ = p.dropEncoder() }() // nothing is published any longer
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	a := attempts{backoff: firstBackoff, lost: time.Now()}
	for {
		up, err := p.publish()
		if p.life.Err() != nil {
			return
		}
		wait, ok := a.after(up, err, p.cfg.Retry)
		if !ok {
			p.cfg.Failed(err)
			return
		}
		p.cfg.Env.Logger.Warn("rtmp publication lost, trying again",
			slog.Any("server", p.cfg.Ingest), slog.Duration("in", wait), slog.Any("err", err))
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-p.life.Done():
			return
		}
	}
}

// publish publishes over one connection. It returns when that was up, if it was,
// and why it ended.
func (p *Publisher) publish() (up time.Time, err error) {
	if err := p.prepare(); err != nil {
		return up, err
	}
	conn, err := p.connect()
	if err != nil {
		return up, err
	}
	p.setConn(conn)
	up = time.Now()
	p.enc.Attach(conn)
	p.comp.start(up)
	p.primed = false
	p.cfg.Connected()
	err = p.feed(conn)
	if p.life.Err() == nil {
		p.cfg.Disconnected(err)
	}
	return up, err
}

// prepare sees to it that an encoder runs and has the beginning of a publication.
// A new one that ends before it gave anything would do so again.
func (p *Publisher) prepare() error {
	if p.enc != nil && ended(p.enc.Done()) {
		_ = p.dropEncoder() // its publication has reported the reason
	}
	fresh := p.enc == nil
	if fresh {
		enc, err := p.cfg.Encode(p.cfg.Format)
		if err != nil {
			return permanentError{err}
		}
		p.enc = enc
		p.comp.restart()
	}
	if p.primed {
		return nil
	}
	err := p.prime()
	if err != nil && fresh {
		err = permanentError{err}
	}
	return err
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// prime gives the encoder the beginning of a publication. One that fails is dropped.
func (p *Publisher) prime() error {
	ctx, cancel := context.WithTimeout(p.life, p.cfg.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, p.enc.Kill)() // it may hang with the picture half taken
	p.enc.Expect(p.comp.advance())
	if p.comp.prime(p.enc) == nil {
		select {
		case <-p.enc.Ready():
			p.primed = true
			return nil
		case <-p.enc.Done():
		case <-ctx.Done():
		}
	}
	expired := errors.Is(ctx.Err(), context.DeadlineExceeded)
	err := p.dropEncoder()
	switch {
	case expired:
		return fmt.Errorf("%w: it gave nothing for %s", models.ErrFFmpegCrashed, p.cfg.ConnectTimeout)
	case err == nil:
		return fmt.Errorf("%w: it ended before it gave anything", models.ErrFFmpegCrashed)
	}
	return err
}

// dropEncoder ends the encoder and returns how it ended.
func (p *Publisher) dropEncoder() error {
	if p.enc == nil {
		return nil
	}
	p.enc.Kill()
	err := p.enc.Close(0)
	p.enc, p.primed = nil, false
	return err
}

// connect has the server agree to take the stream.
func (p *Publisher) connect() (Conn, error) {
	late := fmt.Errorf("%w: %w: the server has not taken the stream for %s",
		models.ErrConnectionFailed, models.ErrConnectionTimeout, p.cfg.ConnectTimeout)
	ctx, cancel := context.WithTimeoutCause(p.life, p.cfg.ConnectTimeout, late)
	defer cancel()
	conn, err := p.cfg.Dial(ctx)
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &certificate):
		return nil, permanentError{fmt.Errorf("%w: %w", models.ErrConnectionFailed, err)}
	}
	return nil, fmt.Errorf("%w: %w", models.ErrConnectionFailed, err)
}

func (p *Publisher) setConn(c Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		p.bytes += p.conn.Bytes()
	}
	p.conn = c
}

var (
	errSlowServer  = errors.New("the server takes less than half of the pictures")
	errSlowEncoder = errors.New("ffmpeg takes less than half of the pictures")
	errNoEncoder   = errors.New("ffmpeg ended")
)

// feed keeps the encoder going until the connection, the encoder or the Publisher
// ends.
func (p *Publisher) feed(conn Conn) error {
	ctx, lose := context.WithCancelCause(p.life)
	watched := make(chan struct{})
	go func() { // ends with ctx; feed waits for it
		defer close(watched)
		select {
		case <-conn.Done():
			lose(conn.Err())
		case <-p.enc.Done():
			lose(errNoEncoder)
		case <-ctx.Done():
		}
	}()
	enc, slow := p.enc, make(chan struct{}, 1)
	dog := newWatchdog(maxBehind, p.comp.at(1), func() {
		switch {
		case p.life.Err() != nil:
			conn.Kill(errSlowServer)
			enc.Kill()
		case conn.Writing():
			conn.Kill(errSlowServer)
		default:
			select {
			case slow <- struct{}{}:
			default:
			}
			enc.Kill()
		}
	})
	stop := context.AfterFunc(p.life, func() { dog.limit(writeGrace) })
	err := p.comp.run(ctx, enc, dog.taken)
	if err == nil && p.life.Err() != nil {
		_ = p.comp.finish(enc) // a picture that cannot be written is left out
	}
	stop()
	dog.stop()
	lose(err)
	<-watched
	return p.finish(conn, len(slow) > 0)
}

// finish ends a publication that feed has left, and returns the reason.
func (p *Publisher) finish(conn Conn, slow bool) error {
	if err := conn.Err(); err != nil && p.life.Err() == nil {
		p.enc.Detach()
		conn.Close(0)
		return fmt.Errorf("%w: %w", models.ErrConnectionFailed, err)
	}
	// Either the encoder has ended, or it all is to end.
	grace := endGrace
	if p.life.Err() == nil {
		grace = 0
	}
	kill := time.AfterFunc(grace+writeGrace, func() { conn.Kill(errSlowServer) }) // for a pump that it stops
	err := p.enc.Close(grace)
	kill.Stop()
	p.enc = nil
	conn.Close(closeGrace)
	switch {
	case slow:
		return fmt.Errorf("%w: %w", models.ErrFFmpegCrashed, errSlowEncoder)
	case err == nil:
		err = fmt.Errorf("%w: %w", models.ErrFFmpegCrashed, errNoEncoder)
	}
	return err
}
