package guard

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotgcall/gotgcall"
)

// ErrTooMuch is the error of a session that has used up its bytes.
var ErrTooMuch = errors.New("too much was transferred")

// errClosed ends the connections of a closed session.
var errClosed = errors.New("the session is closed")

// Session is what one run of a program may use of a [Proxy].
type Session struct {
	// immutable
	proxy  *Proxy
	limits Limits
	secret string
	places chan struct{} // one element per connection
	ctx    context.Context
	cancel context.CancelCauseFunc

	left    atomic.Int64   // bytes
	running sync.WaitGroup // requests and tunnels; added to under proxy.mu

	mu      sync.Mutex // guards refusal
	refusal error
}

// Env returns the environment variables by which programs find the proxy. There is one
// for each scheme: a program connects directly where none is named.
func (s *Session) Env() []string {
	u := url.URL{Scheme: "http", Host: s.proxy.address, User: url.UserPassword(s.secret, "x")}
	var env []string
	for _, name := range []string{
		"http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY",
	} {
		env = append(env, name+"="+u.String())
	}
	return env
}

// Refused returns why the session's first refused connection was refused, or nil.
func (s *Session) Refused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal
}

func (s *Session) refused(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil {
		s.refusal = err
	}
}

// Close ends the session's connections and waits for them. It is idempotent.
func (s *Session) Close() {
	s.proxy.mu.Lock()
	delete(s.proxy.sessions, sha256.Sum256([]byte(s.secret)))
	s.proxy.mu.Unlock()
	s.cancel(errClosed)
	s.running.Wait()
}

// enter takes a place for a connection. It reports false when there is none in time.
func (s *Session) enter(ctx context.Context) bool {
	wait := time.NewTimer(s.limits.Idle)
	defer wait.Stop()
	select {
	case s.places <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	case <-wait.C:
	}
	return false
}

// connection is one that a session counts the bytes of. It ends, by ending its context,
// with the session, when the session's bytes are used up, and when it has been idle.
type connection struct {
	session *Session
	cancel  context.CancelCauseFunc
	idle    *time.Timer
}

// open returns a context for a connection. The caller must call end.
func (s *Session) open(ctx context.Context) (_ context.Context, c *connection, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(errClosed) })
	c = &connection{session: s, cancel: cancel}
	c.idle = time.AfterFunc(s.limits.Idle, func() { cancel(context.DeadlineExceeded) })
	return ctx, c, func() { stop(); c.idle.Stop(); cancel(errClosed) }
}

// passed counts bytes and returns ErrTooMuch when they were too many.
func (c *connection) passed(n int) error {
	c.idle.Reset(c.session.limits.Idle)
	if c.session.left.Add(-int64(n)) >= 0 {
		return nil
	}
	c.session.refused(ErrTooMuch)
	c.cancel(ErrTooMuch)
	return ErrTooMuch
}

// metered is a body or connection whose bytes are counted.
type metered struct {
	io.ReadCloser
	connection *connection
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if e := m.connection.passed(n); e != nil {
		return 0, e
	}
	return n, err
}

// connectionKey finds the *connection in a request's context.
type connectionKey struct{}

// request forwards a plain http request.
func (s *Session) request(w http.ResponseWriter, r *http.Request) {
	ctx, c, end := s.open(r.Context())
	defer end()
	r = r.WithContext(context.WithValue(ctx, connectionKey{}, c))
	r.Body = metered{r.Body, c}
	s.proxy.forward.ServeHTTP(w, r)
}

func meterAnswer(answer *http.Response) error {
	if c, ok := answer.Request.Context().Value(connectionKey{}).(*connection); ok {
		answer.Body = metered{answer.Body, c}
	}
	return nil
}

// refuse answers a request that could not be forwarded.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.session.answer(w, err)
	}
}

// answer reports a dial that failed, and keeps the reason if it was refused.
func (s *Session) answer(w http.ResponseWriter, err error) {
	if errors.Is(err, gotgcall.ErrNotPublic) || errors.Is(err, ErrPort) {
		s.refused(err)
		http.Error(w, "the address is refused", http.StatusForbidden)
		return
	}
	http.Error(w, "the server cannot be reached", http.StatusBadGateway)
}

// tunnel connects a CONNECT request with its target.
func (s *Session) tunnel(w http.ResponseWriter, r *http.Request) {
	ctx, c, end := s.open(r.Context())
	defer end()
	target, err := s.proxy.guard.Dial(ctx, "tcp", r.Host)
	if err != nil {
		s.answer(w, err)
		return
	}
	defer target.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_ = client.SetDeadline(time.Time{}) // that of the header
	stop := context.AfterFunc(ctx, func() { client.Close(); target.Close() })
	defer stop()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	back := make(chan struct{})
	go func() { // ends when either side is closed, and is waited for below
		defer close(back)
		_, _ = io.Copy(client, metered{target, c})
		halfClose(client)
	}()
	_, _ = io.Copy(target, metered{io.NopCloser(buffered), c})
	halfClose(target)
	<-back
}

// halfClose says that nothing more is sent.
func halfClose(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}
