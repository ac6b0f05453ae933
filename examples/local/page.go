package main

import (
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

// page lets browsers hear and see what plays.
type page struct {
	url    string // empty: there is none
	server http.Server
	served chan struct{}
}

// openPage serves the page at an address, unless that is empty. The caller must
// close it.
func openPage(address string, server *sfu.SFU) (*page, error) {
	if address == "" {
		return &page{}, nil
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
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) { answer(w, r, server) })
	p := &page{
		url:    "http://" + listener.Addr().String(),
		server: http.Server{Handler: mux, ReadTimeout: 10 * time.Second},
		served: make(chan struct{}),
	}
	go func() { // stopped and awaited by close
		defer close(p.served)
		_ = p.server.Serve(listener) // ErrServerClosed
	}()
	return p, nil
}

// answer takes a browser's SDP offer and gives the server's answer.
func answer(w http.ResponseWriter, r *http.Request, server *sfu.SFU) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sdp, err := server.Listen(r.Context(), string(offer))
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

// invitation is a line that says where the page is, or nothing.
func (p *page) invitation() string {
	if p.url == "" {
		return ""
	}
	return "hear it at " + p.url + "\n"
}

func (p *page) close() {
	if p.url != "" {
		p.server.Close()
		<-p.served
	}
}
