package fetch

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// server serves resources to ffmpeg, on the loopback interface at addresses that cannot be
// guessed.
type server struct {
	// immutable
	base   string // http://127.0.0.1:PORT
	secret string // the first part of every path
	http   *http.Server
	client *Client

	running sync.WaitGroup // the accepting goroutine and the handlers
}

// Serve returns an address by which ffmpeg can read a resource, until the client
// is closed.
func (c *Client) Serve(r *Resource) (string, error) {
	base, err := c.Handle(r)
	return base + extension(r.found.Path), err
}

// Handle returns an address at which a handler answers ffmpeg, until the client
// is closed. The handler sees the part of the path that follows that address.
func (c *Client) Handle(h http.Handler) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", net.ErrClosed
	}
	if c.server == nil {
		s, err := newServer(c)
		if err != nil {
			return "", err
		}
		c.server = s
	}
	c.served = append(c.served, h)
	return fmt.Sprintf("%s/%s/%d", c.server.base, c.server.secret, len(c.served)-1), nil
}

func newServer(c *Client) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve to ffmpeg: %w", err)
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token) // it never fails
	s := &server{base: "http://" + listener.Addr().String(), secret: hex.EncodeToString(token), client: c}
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: dialTimeout, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0)}
	s.http.SetKeepAlivesEnabled(false)
	s.http.BaseContext = func(net.Listener) context.Context { return c.ctx }
	s.running.Add(1)
	go func() { // stopped and waited for by close
		defer s.running.Done()
		_ = s.http.Serve(listener) // it ends with an error always
	}()
	return s, nil
}

// close ends everything and waits for it.
func (s *server) close() {
	s.http.Close()
	s.running.Wait()
}

// nameExtension is what may follow a dot in an address for ffmpeg, which takes
// it for a hint at the format.
var nameExtension = regexp.MustCompile(`^\.[A-Za-z0-9]{1,5}$`)

func extension(name string) string {
	if ext := path.Ext(name); nameExtension.MatchString(ext) {
		return ext
	}
	return ""
}

// handler returns the handler that a path names, and the rest of the path.
func (s *server) handler(name string) (http.Handler, string) {
	secret, rest, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
		return http.NotFoundHandler(), ""
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	i, err := strconv.Atoi(rest[:digits])
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if err != nil || i >= len(s.client.served) {
		return http.NotFoundHandler(), ""
	}
	return s.client.served[i], rest[digits:]
}

func (s *server) serve(w http.ResponseWriter, q *http.Request) {
	s.client.mu.Lock()
	closed := s.client.closed
	if !closed {
		s.running.Add(1) // close waits after it has set closed
	}
	s.client.mu.Unlock()
	if closed {
		panic(http.ErrAbortHandler)
	}
	defer s.running.Done()
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	handler, rest := s.handler(q.URL.Path)
	q.URL.Path, q.URL.RawPath = rest, ""
	handler.ServeHTTP(w, q)
}

// ServeHTTP answers ffmpeg. An answer that cannot be finished is aborted, once the
// reason is noted.
func (r *Resource) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	if r.Type != "" {
		h.Set("Content-Type", r.Type)
	} else {
		h["Content-Type"] = nil // nor is one guessed
	}
	from, status := int64(0), http.StatusOK
	if r.Ranges {
		h.Set("Accept-Ranges", "bytes")
		var ok bool
		if from, ok = rangeStart(q.Header.Get("Range")); ok {
			if from >= r.Size {
				h.Set("Content-Range", fmt.Sprintf("bytes */%d", r.Size))
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			status = http.StatusPartialContent
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, r.Size-1, r.Size))
		}
	}
	if r.Size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(r.Size-from, 10))
	}
	if q.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	b := r.newReader(q.Context(), from)
	defer b.Close()
	if b.conn == nil && !r.Ranges {
		// It was given out once.
		h.Del("Content-Length")
		w.WriteHeader(http.StatusGone)
		return
	}
	w.WriteHeader(status)
	if err := r.copy(w, b); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// copy gives ffmpeg each byte as it comes. It returns an error when ffmpeg went
// away or the resource was lost, which is noted.
func (r *Resource) copy(w http.ResponseWriter, b *reader) error {
	flush := http.NewResponseController(w)
	buffer := make([]byte, 32<<10)
	for begun := false; ; {
		n, err := b.Read(buffer)
		if n > 0 {
			if !begun {
				r.setLost(nil)
				begun = true
			}
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if err := flush.Flush(); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			r.setLost(nil)
			return nil
		case b.ctx.Err() != nil:
			return err // ffmpeg went away, or the client was closed
		case err != nil:
			r.setLost(err)
			return err
		}
	}
}

// rangeStart reads a range as ffmpeg writes it: from a byte on.
func rangeStart(header string) (int64, bool) {
	first, ok := strings.CutPrefix(header, "bytes=")
	if first, _, _ = strings.Cut(first, "-"); !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(first, 10, 64)
	return n, err == nil && n >= 0
}
