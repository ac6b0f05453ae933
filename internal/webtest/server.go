// Package webtest is an HTTP server for tests that answers in every shape that is
// met on the web: without a length, in chunks, as SHOUTcast, cut at any byte, with
// a hang, with the wrong part of a file. It writes its answers byte by byte, as
// package net/http would not let it.
package webtest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Framing is how an answer says where its body ends.
type Framing int

// The framings.
const (
	Length  Framing = iota // a Content-Length
	Closing                // the end of the connection
	Chunked
)

// Answer is what the server says to one request.
type Answer struct {
	Status  string   // the status line; "HTTP/1.1 200 OK" when empty
	Header  []string // lines such as "Icy-Name: radio"
	Body    []byte
	Framing Framing

	// Cut is how many bytes of the body are sent before the connection is
	// broken; 0 sends all.
	Cut int
	// Reset breaks, or ends, the connection with a TCP reset.
	Reset bool
	// Hang keeps the connection open after the last byte sent, until the
	// client leaves.
	Hang bool
	// Drop closes the connection without an answer.
	Drop bool
	// Until, when not nil, is waited for before the connection is broken.
	Until <-chan struct{}
	// Pace is how many bytes are sent each 20 ms; 0 sends all at once.
	Pace int
}

// Server is a running server.
type Server struct {
	URL     string
	Address string

	answer   func(n int, q *http.Request) Answer
	listener net.Listener
	stop     chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex
	requests []*http.Request
	conns    map[net.Conn]struct{}
}

// Start runs a server until the test ends. Answer is called for each request, of
// which n is the number from 0, from any goroutine.
func Start(t testing.TB, answer func(n int, q *http.Request) Answer) *Server {
	t.Helper()
	return start(t, "http", answer, func(l net.Listener) net.Listener { return l })
}

// StartTLS is Start with a certificate that nobody signed.
func StartTLS(t testing.TB, answer func(n int, q *http.Request) Answer) *Server {
	t.Helper()
	model := httptest.NewTLSServer(http.NotFoundHandler())
	defer model.Close()
	config := &tls.Config{Certificates: model.TLS.Certificates}
	return start(t, "https", answer, func(l net.Listener) net.Listener { return tls.NewListener(l, config) })
}

func start(t testing.TB, scheme string, answer func(int, *http.Request) Answer, wrap func(net.Listener) net.Listener) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Address:  listener.Addr().String(),
		answer:   answer,
		listener: wrap(listener),
		stop:     make(chan struct{}),
		conns:    make(map[net.Conn]struct{}),
	}
	s.URL = scheme + "://" + s.Address
	s.running.Add(1)
	go s.accept() // stopped and waited for by close
	t.Cleanup(s.close)
	return s
}

// Requests returns the requests so far.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// Open returns how many connections are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) close() {
	close(s.stop)
	s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		select {
		case <-s.stop: // close has passed, and will not see it
			conn.Close()
		default:
			s.conns[conn] = struct{}{}
		}
		s.mu.Unlock()
		s.running.Add(1)
		go s.serve(conn) // ends with its connection, which close closes
	}
}

func (s *Server) serve(conn net.Conn) {
	defer s.running.Done()
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	q, err := http.ReadRequest(bufio.NewReaderSize(conn, 64<<10))
	if err != nil {
		return
	}
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, q)
	s.mu.Unlock()
	a := s.answer(n, q)
	if a.Drop {
		return
	}
	whole := s.send(conn, a)
	if a.Until != nil {
		select {
		case <-a.Until:
		case <-s.stop:
		}
	}
	switch tcp, ok := conn.(*net.TCPConn); {
	case a.Hang:
		_, _ = conn.Read(make([]byte, 1)) // until the client has gone
	case a.Reset && ok:
		_ = tcp.SetLinger(0)
	case ok && whole:
		_ = tcp.CloseWrite()
		_, _ = conn.Read(make([]byte, 1))
	}
}

// send writes an answer, and reports whether all of it.
func (s *Server) send(conn net.Conn, a Answer) bool {
	head := a.Status
	if head == "" {
		head = "HTTP/1.1 200 OK"
	}
	head += "\r\n"
	for _, line := range a.Header {
		head += line + "\r\n"
	}
	switch a.Framing {
	case Length:
		head += "Content-Length: " + strconv.Itoa(len(a.Body)) + "\r\n"
	case Chunked:
		head += "Transfer-Encoding: chunked\r\n"
	case Closing:
	}
	if !strings.HasPrefix(head, "ICY") {
		head += "Connection: close\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return false
	}
	body := a.Body
	if a.Cut > 0 {
		body = body[:min(a.Cut, len(body))]
	}
	if !s.write(conn, body, a) {
		return false
	}
	if a.Framing == Chunked && a.Cut == 0 {
		_, err := conn.Write([]byte("0\r\n\r\n"))
		return err == nil
	}
	return a.Cut == 0
}

func (s *Server) write(conn net.Conn, body []byte, a Answer) bool {
	piece := len(body)
	var tick <-chan time.Time
	if a.Pace > 0 {
		piece = a.Pace
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		tick = ticker.C
	} else if a.Framing == Chunked {
		piece = 10_000
	}
	for len(body) > 0 {
		if tick != nil {
			select {
			case <-tick:
			case <-s.stop:
				return false
			}
		}
		p := body[:min(piece, len(body))]
		body = body[len(p):]
		if a.Framing == Chunked {
			p = fmt.Appendf(nil, "%x\r\n%s\r\n", len(p), p)
		}
		if _, err := conn.Write(p); err != nil {
			return false
		}
	}
	return true
}

// Part returns the answer of a server that gives out ranges: all of a file or,
// when a request has a Range, what it asks for.
func Part(q *http.Request, file []byte) Answer {
	a := Answer{Header: []string{"Accept-Ranges: bytes"}, Body: file}
	from, until := 0, len(file)-1
	asked, ok := strings.CutPrefix(q.Header.Get("Range"), "bytes=")
	if !ok {
		return a
	}
	first, last, _ := strings.Cut(asked, "-")
	from, _ = strconv.Atoi(first)
	if n, err := strconv.Atoi(last); err == nil {
		until = min(until, n)
	}
	if from > until {
		return Answer{Status: "HTTP/1.1 416 Range Not Satisfiable"}
	}
	a.Status = "HTTP/1.1 206 Partial Content"
	a.Header = append(a.Header, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, until, len(file)))
	a.Body = file[from : until+1]
	return a
}
