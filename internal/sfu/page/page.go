// Package page is a web page on which a browser hears and sees a call of package sfu.
package page

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

//go:embed page.html
var pageHTML []byte

// Page serves the page. A nil Page serves none.
type Page struct {
	url    string
	server http.Server
	served chan struct{}
}

// ListenFunc answers the SDP offer of a browser that wants to receive.
type ListenFunc func(ctx context.Context, offer string) (answer string, err error)

// Open serves the page at an address, unless that is empty. The caller must Close it.
func Open(address string, listen ListenFunc) (*Page, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pageHTML) // who went away misses nothing
	})
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) { answer(w, r, listen) })
	p := &Page{
		url:    "http://" + listener.Addr().String(),
		server: http.Server{Handler: mux, ReadTimeout: 10 * time.Second},
		served: make(chan struct{}),
	}
	go func() { // stopped and awaited by Close
		defer close(p.served)
		_ = p.server.Serve(listener) // ErrServerClosed
	}()
	return p, nil
}

// answer takes a browser's offer.
func answer(w http.ResponseWriter, r *http.Request, listen ListenFunc) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sdp, err := listen(r.Context(), string(offer))
	switch {
	case errors.Is(err, sfu.ErrClosed):
		http.Error(w, "the call is over", http.StatusGone)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "application/sdp")
		_, _ = io.WriteString(w, sdp) // who went away misses nothing
	}
}

// Invitation returns a line that says where the page is, or nothing.
func (p *Page) Invitation() string {
	if p == nil {
		return ""
	}
	return "hear it at " + p.url + "\n"
}

// Close ends the page.
func (p *Page) Close() {
	if p != nil {
		p.server.Close()
		<-p.served
	}
}
