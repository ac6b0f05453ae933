package guard

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"
)

// Proxy is a forward proxy on the loopback interface for programs that the bot runs: it
// takes CONNECT and requests in absolute form, for whoever has the credential of a
// [Session], and connects where its guard allows. All methods may be called from any
// goroutine.
type Proxy struct {
	// immutable
	guard   Guard
	address string // 127.0.0.1:PORT
	server  *http.Server
	forward *httputil.ReverseProxy

	mu       sync.Mutex // guards the rest
	sessions map[[sha256.Size]byte]*Session
	closed   bool

	running sync.WaitGroup // the accepting goroutine
}

// Listen starts a proxy. The caller must Close it.
func Listen(g Guard) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy for yt-dlp: %w", err)
	}
	p := &Proxy{guard: g, address: listener.Addr().String(), sessions: make(map[[sha256.Size]byte]*Session)}
	silent := log.New(io.Discard, "", 0)
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(*httputil.ProxyRequest) {}, // the address is in the request
		Transport:      g.transport(),
		FlushInterval:  -1,
		ModifyResponse: meterAnswer,
		ErrorHandler:   refuse,
		ErrorLog:       silent,
	}
	p.server = &http.Server{
		Handler: p, ErrorLog: silent, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: dialTimeout, IdleTimeout: defaultIdle,
	}
	p.running.Add(1)
	go func() { // stopped and waited for by Close
		defer p.running.Done()
		_ = p.server.Serve(listener) // it always ends with an error
	}()
	return p, nil
}

// Close ends all sessions and connections and waits for them. It is idempotent.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	var open []*Session
	for _, s := range p.sessions {
		open = append(open, s)
	}
	p.mu.Unlock()
	p.server.Close()
	for _, s := range open {
		s.Close()
	}
	p.running.Wait()
}

// Limits bound what a session may use. A zero field has the default.
type Limits struct {
	Bytes       int64         // in both directions together; 1 GiB
	Connections int           // at a time, more wait; 8, as programs keep some open unused
	Idle        time.Duration // without a byte, after which a connection is closed; 30 s
}

const (
	defaultBytes       = 1 << 30
	defaultConnections = 8
	defaultIdle        = 30 * time.Second
)

// Open starts a session: a credential for one run of one program. The caller must Close
// it. After Close of the proxy the credential opens nothing.
func (p *Proxy) Open(limits Limits) *Session {
	if limits.Bytes <= 0 {
		limits.Bytes = defaultBytes
	}
	if limits.Connections <= 0 {
		limits.Connections = defaultConnections
	}
	if limits.Idle <= 0 {
		limits.Idle = defaultIdle
	}
	s := &Session{
		proxy: p, limits: limits, secret: rand.Text(),
		places: make(chan struct{}, limits.Connections),
	}
	s.left.Store(limits.Bytes)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.sessions[sha256.Sum256([]byte(s.secret))] = s
	}
	return s
}

// find returns the session of a request's credential, or nil. The map's keys are
// digests: the time that a look-up takes says nothing about a credential.
func (p *Proxy) find(r *http.Request) *Session {
	credential := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	secret, _, _ := credential.BasicAuth()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sessions[sha256.Sum256([]byte(secret))]
	if s != nil {
		s.running.Add(1)
	}
	return s
}

// ServeHTTP answers a request to the proxy.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := p.find(r)
	if s == nil {
		w.Header().Set("Proxy-Authenticate", `Basic realm="gotgcall"`)
		http.Error(w, "a credential is missing", http.StatusProxyAuthRequired)
		return
	}
	defer s.running.Done()
	if !s.enter(r.Context()) {
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	defer func() { <-s.places }()
	switch {
	case r.Method == http.MethodConnect:
		s.tunnel(w, r)
	case r.URL.Scheme != "http" || r.URL.Host == "" || r.Header.Get("Upgrade") != "":
		s.refused(fmt.Errorf("a request of %q through the proxy", r.URL.Scheme))
		http.Error(w, "only http and https pass", http.StatusForbidden)
	default:
		s.request(w, r)
	}
}
