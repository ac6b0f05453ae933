package page

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// readTime is what a request has to arrive, unless its handler allows more.
	readTime = 10 * time.Second
	// maxHeader is more than a browser of our own pages sends.
	maxHeader = 16 << 10
)

// policy allows what the server's own pages load, and nothing of another one.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Server is a web server for the user of this machine.
type Server struct {
	// immutable after Serve
	url      string
	token    string
	loopback bool
	port     string
	handler  http.Handler

	server http.Server
	stop   context.CancelFunc // ends the contexts of all requests
	served chan struct{}

	mu      sync.Mutex     // guards closed, and running.Add
	closed  bool           // no request is taken
	running sync.WaitGroup // handlers
}

// Serve serves handler at an address of this machine. The paths that handler gets do not
// hold the token, and its requests have [readTime] to arrive. The caller must Close the
// server.
func Serve(address string, handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	bound := listener.Addr().(*net.TCPAddr).AddrPort()
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		token: rand.Text(), loopback: bound.Addr().IsLoopback(), port: fmt.Sprint(bound.Port()),
		handler: handler, stop: stop, served: make(chan struct{}),
	}
	shown := bound
	if bound.Addr().IsUnspecified() { // a browser of this machine finds it on loopback
		shown = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), bound.Port())
	}
	s.url = "http://" + shown.String() + "/" + s.token + "/"
	s.server = http.Server{
		Handler: s, ReadHeaderTimeout: readTime, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() { // stopped and awaited by Close
		defer close(s.served)
		_ = s.server.Serve(listener) // ErrServerClosed
	}()
	return s, nil
}

// URL is the address to open, with the token. It ends in a slash.
func (s *Server) URL() string { return s.url }

// Close ends all requests and waits for their handlers. It is idempotent.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.server.Close()
	<-s.served
	s.running.Wait()
}

// ServeHTTP refuses what no page of this server sends, and hands on the rest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if why := s.refusal(r); why != "" {
		header.Set("Connection", "close") // an unread body is not worth reading
		http.Error(w, why, http.StatusForbidden)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTime)) // has one, as the server is ours
	http.StripPrefix("/"+s.token, s.handler).ServeHTTP(w, r)
}

// refusal returns why a request is not one of the user's, or nothing.
func (s *Server) refusal(r *http.Request) string {
	if !s.ownHost(r.Host) {
		return "this server has another name"
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return "another site may not send this"
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // no browser, the page itself, the user's own typing
	default:
		return "another site may not send this"
	}
	token, _, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		return "open the address that the program has printed: it holds a key"
	}
	return ""
}

// ownHost reports whether a Host header is an address of the server. A name could be
// another site's that resolves to this machine.
func (s *Server) ownHost(host string) bool {
	u, err := url.Parse("http://" + host)
	if err != nil || u.Host != host || u.Port() != s.port {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && (addr.IsLoopback() || !s.loopback)
}
