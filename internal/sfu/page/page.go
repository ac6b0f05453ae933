package page

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net/http"

	"github.com/gotgcall/gotgcall/internal/sfu"
)

//go:embed static
var static embed.FS

// maxOffer is several times what a browser's offer takes.
const maxOffer = 64 << 10

// Page serves the page. A nil Page serves none.
type Page struct{ server *Server }

// ListenFunc answers the SDP offer of a browser that wants to receive.
type ListenFunc func(ctx context.Context, offer string) (answer string, err error)

// Open serves the page at an address, unless that is empty. The caller must Close it.
func Open(address string, listen ListenFunc) (*Page, error) {
	if address == "" {
		return nil, nil
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("POST /offer", func(w http.ResponseWriter, r *http.Request) { Answer(w, r, listen) })
	server, err := Serve(address, mux)
	if err != nil {
		return nil, err
	}
	return &Page{server}, nil
}

// Receiver serves the module with which a page of a [Server] receives: its function
// receive sends an offer to [Answer].
func Receiver(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, static, "static/receive.js")
}

// Answer answers the offer of a browser.
func Answer(w http.ResponseWriter, r *http.Request, listen ListenFunc) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
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
		_, _ = io.WriteString(w, sdp) // a page that is gone misses nothing
	}
}

// Invitation returns a line that says where the page is, or nothing.
func (p *Page) Invitation() string {
	if p == nil {
		return ""
	}
	return "hear it at " + p.server.URL() + "\n"
}

// Close ends the page.
func (p *Page) Close() {
	if p != nil {
		p.server.Close()
	}
}
