// Package console is the demo's web page: it plays, pauses and breaks calls of package
// studio, and shows what they do.
package console

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
	"github.com/gotgcall/gotgcall/internal/sfu/page"
)

//go:embed static
var static embed.FS

const (
	// maxRequest is more than any verb needs.
	maxRequest = 16 << 10
	// uploadTime is what an upload of 512 MB has to arrive.
	uploadTime = 10 * time.Minute
	// tick is how often a page is sent the state.
	tick = 250 * time.Millisecond
)

// console answers the page's requests.
type console struct{ studio *studio.Studio }

// Handler returns the handler for [page.Serve].
func Handler(s *studio.Studio) (http.Handler, error) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	c := console{s}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /receive.js", page.Receiver)
	mux.HandleFunc("GET /api/events", c.events)
	mux.HandleFunc("GET /api/sources", c.sources)
	mux.HandleFunc("POST /api/files/{name}", c.upload)
	mux.HandleFunc("POST /api/calls", c.open)
	mux.HandleFunc("DELETE /api/calls/{id}", c.leave)
	mux.HandleFunc("POST /api/calls/{id}/listen", c.listen)
	mux.HandleFunc("POST /api/calls/{id}/{verb}", c.do)
	mux.HandleFunc("POST /api/load", c.load)
	return mux, nil
}

// update is what a page is sent again and again.
type update struct {
	studio.Snapshot
	Journal []studio.Entry `json:"journal"` // since the one before
}

// events sends the state until the page is closed.
func (c console) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // has one: see page.Serve
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := uint64(0); ; {
		u := update{c.studio.Snapshot(), c.studio.Journal().Since(last)}
		if n := len(u.Journal); n > 0 {
			last = u.Journal[n-1].Seq
		}
		raw, err := json.Marshal(u)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", raw); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// sources lists what can be played.
func (c console) sources(w http.ResponseWriter, _ *http.Request) {
	files, err := c.studio.Files()
	respond(w, map[string]any{"files": files, "patterns": studio.Patterns}, err)
}

func (c console) upload(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > studio.MaxUpload {
		w.Header().Set("Connection", "close")
		respond(w, nil, studio.ErrTooBig)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)) // has one: see page.Serve
	respond(w, nil, c.studio.Upload(r.Context(), r.PathValue("name"), r.Body))
}

// open begins a call with a source.
func (c console) open(w http.ResponseWriter, r *http.Request) {
	var in studio.Input
	if !read(w, r, &in) {
		return
	}
	id, err := c.studio.Open(r.Context(), in)
	respond(w, map[string]int{"id": id}, err)
}

func (c console) leave(w http.ResponseWriter, r *http.Request) {
	respond(w, nil, c.studio.Leave(number(r)))
}

func (c console) listen(w http.ResponseWriter, r *http.Request) {
	listen, err := c.studio.Listener(number(r))
	if err != nil {
		respond(w, nil, err)
		return
	}
	page.Answer(w, r, listen)
}

// do runs a verb.
func (c console) do(w http.ResponseWriter, r *http.Request) {
	var q studio.Request
	if read(w, r, &q) {
		respond(w, nil, c.studio.Do(r.Context(), number(r), r.PathValue("verb"), q))
	}
}

// load sets how many silent calls there are.
func (c console) load(w http.ResponseWriter, r *http.Request) {
	var q struct{ Calls int }
	if read(w, r, &q) {
		respond(w, nil, c.studio.SetLoad(q.Calls))
	}
}

// number is the call of a request; 0, which no call has, when it is none.
func number(r *http.Request) int {
	n, _ := strconv.Atoi(r.PathValue("id")) // 0 on an error
	return n
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(v); err != nil {
		http.Error(w, "the request is not what this page sends", http.StatusBadRequest)
		return false
	}
	return true
}

// respond answers with a value, or with an error in words.
func respond(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, studio.ErrNoCall), errors.Is(err, studio.ErrVerb):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, studio.ErrTooBig):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case v == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // a page that is gone misses nothing
	}
}
