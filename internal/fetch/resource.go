package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is what a resource is.
type Kind int

// The kinds.
const (
	Finite   Kind = iota // it has an end
	Live                 // a radio: where it ends, it was lost
	Playlist             // a text that names other resources
)

const (
	// sniffed is how much of an answer is read to know a playlist by.
	sniffed = 512
	// maxLength is the longest file there is. Some radios announce an endless
	// one by a length that is larger.
	maxLength = 1 << 40
	// maxList is how long a playlist may be.
	maxList = 4 << 20
)

// Resource is what a server has at an address.
type Resource struct {
	// immutable after Open
	Kind   Kind
	Ranges bool   // it is given out from any byte; then Size is known
	Size   int64  // in bytes, -1 when the server does not say
	Type   string // the Content-Type

	client    *Client
	asked     *url.URL // where it was asked for
	found     *url.URL // where redirects led
	validator string   // for If-Range: a strong ETag or a date; may be empty
	etag      string   // as given

	mu    sync.Mutex // guards the rest
	first *connection
	lost  error

	resumed atomic.Uint64
}

// connection is one answer's body, from some byte on.
type connection struct {
	io.Reader
	body   io.Closer
	cancel context.CancelFunc
	// closes reports that the end of the connection is the end of the body.
	closes bool
}

func (c *connection) Close() {
	c.cancel()
	c.body.Close()
}

// Open asks a server for a resource, an absolute URL of http or https, and
// decides what it is. It does not try twice. The resource lives until the client
// is closed.
func (c *Client) Open(ctx context.Context, address string) (*Resource, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("a malformed address")
	}
	r := &Resource{client: c, asked: u, found: u}
	response, conn, err := r.request(ctx, u, http.Header{"Range": {"bytes=0-"}})
	if err != nil {
		return nil, err
	}
	r.describe(response)
	if r.Kind != Live {
		head, err := r.sniff(ctx, conn)
		if err != nil {
			conn.Close()
			return nil, err
		}
		if isPlaylist(r.Type, r.found.Path, head) {
			r.Kind = Playlist
		}
	}
	r.first = conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	c.opened = append(c.opened, r)
	return r, nil
}

// request sends one request. The answer's body lives until the client, or the
// connection, is closed; ctx bounds the wait for its header.
func (r *Resource) request(ctx context.Context, u *url.URL, header http.Header) (*http.Response, *connection, error) {
	own, cancel := context.WithCancel(r.client.ctx)
	stop := context.AfterFunc(ctx, cancel)
	response, err := r.client.do(own, u, header)
	if !stop() && err == nil {
		response.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, err
	}
	return response, &connection{
		Reader: response.Body, body: response.Body, cancel: cancel,
		closes: response.ContentLength < 0 && len(response.TransferEncoding) == 0,
	}, nil
}

// sniff reads the beginning of a body, as much as comes at once, and leaves it
// in the connection.
func (r *Resource) sniff(ctx context.Context, conn *connection) ([]byte, error) {
	stop := context.AfterFunc(ctx, conn.cancel)
	defer stop()
	head := make([]byte, sniffed)
	n, err := conn.Reader.Read(head)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	head = head[:n]
	rest := conn.Reader
	if err != nil {
		rest = failed{err}
	}
	conn.Reader = io.MultiReader(bytes.NewReader(head), rest)
	return head, nil
}

// failed is a reader that has ended.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// describe notes what the header of the first answer says.
func (r *Resource) describe(response *http.Response) {
	h := response.Header
	r.found = response.Request.URL
	r.Type = h.Get("Content-Type")
	r.Size = length(response)
	r.Ranges = r.Size >= 0 && (response.StatusCode == http.StatusPartialContent || strings.EqualFold(h.Get("Accept-Ranges"), "bytes"))
	if r.etag = h.Get("ETag"); r.etag != "" && !strings.HasPrefix(r.etag, "W/") {
		r.validator = r.etag
	} else {
		r.validator = h.Get("Last-Modified")
	}
	if r.Size < 0 && isRadio(h) {
		r.Kind = Live
	}
}

// length is a whole resource's, by an answer about it from its first byte on, or
// -1.
func length(response *http.Response) int64 {
	size := response.ContentLength
	if response.StatusCode == http.StatusPartialContent {
		_, total, _ := strings.Cut(response.Header.Get("Content-Range"), "/")
		n, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			return -1
		}
		size = n
	}
	if size > maxLength {
		return -1
	}
	return size
}

// isRadio reports whether an answer without a length is a radio's: SHOUTcast,
// Icecast and what follows them say so in their headers.
func isRadio(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "Icy-") || strings.HasPrefix(name, "Ice-") {
			return true
		}
	}
	server := strings.ToLower(h.Get("Server"))
	return strings.Contains(server, "icecast") || strings.Contains(server, "shoutcast")
}

// isPlaylist reports whether a resource is a playlist, by its type, its name or
// its beginning.
func isPlaylist(kind, name string, head []byte) bool {
	kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
	switch strings.TrimSpace(kind) {
	case "application/vnd.apple.mpegurl", "application/x-mpegurl", "application/mpegurl", "audio/mpegurl", "audio/x-mpegurl",
		"application/dash+xml", "audio/x-scpls", "audio/scpls", "application/pls+xml":
		return true
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("#EXTM3U")), bytes.HasPrefix(bytes.ToLower(head), []byte("[playlist]")), bytes.Contains(head, []byte("<MPD")):
		return true
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".m3u8", ".m3u", ".mpd", ".pls":
		return printable(head)
	}
	return false
}

// printable reports whether a beginning is text.
func printable(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' })
}

// List returns the text of a playlist.
func (r *Resource) List(ctx context.Context) ([]byte, error) {
	b := r.newReader(ctx, 0)
	defer b.Close()
	text, err := io.ReadAll(io.LimitReader(b, maxList+1))
	if err == nil && len(text) > maxList {
		err = errors.New("the playlist is too long")
	}
	return text, err
}

// takeFirst returns the connection that Open made, once.
func (r *Resource) takeFirst() *connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.first
	r.first = nil
	return c
}

func (r *Resource) dropFirst() {
	if c := r.takeFirst(); c != nil {
		c.Close()
	}
}

// Err returns why the resource was lost, or nil. What was lost on the way to one
// place and then found at another is not lost.
func (r *Resource) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost
}

func (r *Resource) setLost(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = err
}

// Resumed returns how often the resource was asked for again where a connection
// was cut.
func (r *Resource) Resumed() uint64 { return r.resumed.Load() }

// What an answer is that does not go on where it was asked to.
var (
	errChanged = errors.New("the file has changed on the server")
	errNoRest  = errors.New("the server does not give out the rest of the file")
)

// resume asks for a resource from a byte on. The address that redirects led to is
// tried first: another may lead to another server.
func (r *Resource) resume(ctx context.Context, at int64) (*connection, error) {
	conn, err := r.resumeAt(ctx, r.found, at)
	var status *StatusError
	if r.found != r.asked && errors.As(err, &status) && status.Code < 500 {
		return r.resumeAt(ctx, r.asked, at) // the other one may have been for a while only
	}
	return conn, err
}

func (r *Resource) resumeAt(ctx context.Context, u *url.URL, at int64) (*connection, error) {
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-", at)}}
	if r.validator != "" {
		header.Set("If-Range", r.validator)
	}
	response, conn, err := r.request(ctx, u, header)
	if err != nil {
		return nil, err
	}
	if err := r.same(response, at); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// same checks that an answer goes on with the resource at a byte.
func (r *Resource) same(response *http.Response, at int64) error {
	h := response.Header
	size := length(response)
	whole := response.StatusCode != http.StatusPartialContent
	switch from, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Content-Range"), "bytes "), "-"); {
	case r.etag != "" && h.Get("ETag") != "" && h.Get("ETag") != r.etag, size >= 0 && size != r.Size:
		return errChanged
	case whole && at > 0, size < 0, !whole && from != strconv.FormatInt(at, 10):
		return errNoRest
	}
	return nil
}

// permanent reports whether an error stays when the resource is asked for again.
func permanent(err error) bool {
	var status *StatusError
	var refused *RefusedError
	switch {
	case errors.As(err, &status):
		switch status.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return false
		}
		return status.Code < 500
	case errors.As(err, &refused), errors.Is(err, errScheme), errors.Is(err, errChanged), errors.Is(err, errNoRest):
		return true
	}
	return false
}
