package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gotgcall/gotgcall/internal/playlist"
)

const (
	// sniffed is how much of an answer is read to know a playlist by.
	sniffed = 512
	// maxList is how long a playlist may be.
	maxList = playlist.MaxSize
)

// Resource is what a server has at an address.
type Resource struct {
	// immutable after Open
	Kind   Kind
	Ranges bool   // it is given out from any byte; then Size is known
	Size   int64  // in bytes, -1 when the server does not say
	Type   string // the Content-Type
	Name   string // of a radio, as its server calls it; any bytes
	Whole  int64  // the length of what the server has, of which this may be a part; or -1

	client    *Client
	asked     *url.URL // where it was asked for
	found     *url.URL // where redirects led
	validator string   // for If-Range: a strong ETag or a date; may be empty
	etag      string   // as given

	offset int64 // where in what the server has it begins

	mu    sync.Mutex // guards the rest
	first *connection
	lost  error

	resumed atomic.Uint64
}

// connection is one answer's body, from some byte on.
type connection struct {
	io.Reader
	response *http.Response
	cancel   context.CancelFunc
}

func (c *connection) Close() {
	c.cancel()
	c.response.Body.Close()
}

// endless reports whether the end of the connection is the end of the body.
func (c *connection) endless() bool {
	return c.response.ContentLength < 0 && len(c.response.TransferEncoding) == 0
}

// Open requests a resource, an absolute URL of http or https, and determines its Kind. It
// makes one attempt. The caller must Close the resource unless it is served;
// [Client.Close] does so, too.
func (c *Client) Open(ctx context.Context, address string) (*Resource, error) {
	return c.OpenPart(ctx, address, 0, 0)
}

// OpenPart opens a part of a resource, length bytes from an offset; a length of 0
// is all from there.
func (c *Client) OpenPart(ctx context.Context, address string, offset, length int64) (*Resource, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("a malformed address")
	}
	r := &Resource{client: c, asked: u, found: u, Size: -1, offset: offset}
	conn, err := r.request(ctx, u, rangeHeader(offset, length))
	var status *StatusError
	if errors.As(err, &status) && status.Code == http.StatusRequestedRangeNotSatisfiable && offset == 0 {
		conn, err = r.request(ctx, u, nil) // a server that wants none of it
	}
	if err != nil {
		return nil, err
	}
	if err := r.begin(ctx, conn, length); err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

func rangeHeader(offset, length int64) http.Header {
	if length > 0 {
		return http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)}}
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-", offset)}}
}

// begin determines the kind of a resource by its first answer, which it keeps.
func (r *Resource) begin(ctx context.Context, conn *connection, length int64) error {
	r.describe(conn.response)
	if err := r.unpack(conn); err != nil {
		return err
	}
	r.first = conn
	if r.offset > 0 || length > 0 {
		return r.cut(conn, length)
	}
	if before := r.client.cfg.Before; before != nil && (r.Kind == Live || r.Size < 0) {
		if err := before.begins(ctx, conn); err != nil {
			return err
		}
	}
	if r.Kind == Live {
		return nil
	}
	head, err := r.sniff(ctx, conn)
	if err == nil && isPlaylist(r.Type, r.found.Path, head) {
		r.Kind = Playlist
	}
	return err
}

// unpack decompresses a body that the server compressed unasked. Such a resource has no
// ranges: a position in it is none in the body.
func (r *Resource) unpack(conn *connection) error {
	switch strings.ToLower(conn.response.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
	default:
		return nil
	}
	unpacked, err := gzip.NewReader(conn.Reader)
	if err != nil {
		return fmt.Errorf("packed by gzip: %w", Unexpected(err))
	}
	conn.Reader, r.Size, r.Ranges = unpacked, -1, false
	return nil
}

// cut makes the resource the part of it that was asked for.
func (r *Resource) cut(conn *connection, length int64) error {
	if conn.response.StatusCode != http.StatusPartialContent {
		if _, err := io.CopyN(io.Discard, conn, r.offset); err != nil {
			return fmt.Errorf("skip to byte %d: %w", r.offset, Unexpected(err))
		}
	} else if start(conn.response) != r.offset {
		return errNoRest
	}
	if r.Size >= 0 {
		r.Size = max(0, r.Size-r.offset)
	}
	if length > 0 && (r.Size < 0 || length < r.Size) {
		r.Size = length
		conn.Reader = io.LimitReader(conn.Reader, length)
	}
	return nil
}

// request sends one request. The answer's body lives until the client, or the
// connection, is closed; ctx bounds the wait for its header.
func (r *Resource) request(ctx context.Context, u *url.URL, header http.Header) (*connection, error) {
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
			return nil, context.Cause(ctx)
		}
		return nil, Unexpected(err) // no io.EOF, which would be a natural end
	}
	return &connection{Reader: response.Body, response: response, cancel: cancel}, nil
}

// sniff reads the beginning of a body, as much as comes at once, and leaves it
// in the connection.
func (r *Resource) sniff(ctx context.Context, conn *connection) ([]byte, error) {
	stop := context.AfterFunc(ctx, conn.cancel)
	defer stop()
	head := make([]byte, sniffed)
	n, err := conn.Read(head)
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
	r.Name = h.Get("Icy-Name")
	r.Size = length(response)
	r.Whole = r.Size
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

// URL returns where the resource was found.
func (r *Resource) URL() *url.URL { return r.found }

// Close gives up the connection that Open made, if nobody has read from it.
func (r *Resource) Close() {
	if c := r.takeFirst(); c != nil {
		c.Close()
	}
}

// Err returns why the resource was lost, or nil. A resource that ffmpeg then read from
// another position is not lost.
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

// Resumed returns how often the resource was requested again where a connection was cut.
func (r *Resource) Resumed() uint64 { return r.resumed.Load() }

// The errors of an answer that does not continue where it should.
var (
	errChanged = errors.New("the file has changed on the server")
	errNoRest  = errors.New("the server does not give out the rest of the file")
)

// resume requests a resource from a byte on. The address that redirects led to is tried
// first: the original may now lead to another server.
func (r *Resource) resume(ctx context.Context, at int64) (*connection, error) {
	conn, err := r.resumeAt(ctx, r.found, at)
	var status *StatusError
	if r.found != r.asked && errors.As(err, &status) && status.Code < 500 {
		return r.resumeAt(ctx, r.asked, at) // the other one may have been for a while only
	}
	return conn, err
}

func (r *Resource) resumeAt(ctx context.Context, u *url.URL, at int64) (*connection, error) {
	length := r.Size - at
	if r.offset+r.Size == r.Whole {
		length = 0
	}
	header := rangeHeader(r.offset+at, length)
	if r.validator != "" {
		header.Set("If-Range", r.validator)
	}
	conn, err := r.request(ctx, u, header)
	if err != nil {
		return nil, err
	}
	if err := r.same(conn.response, r.offset+at); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// same checks that an answer goes on with the resource at a byte.
func (r *Resource) same(response *http.Response, at int64) error {
	etag := response.Header.Get("ETag")
	size := length(response)
	partial := response.StatusCode == http.StatusPartialContent
	switch {
	case r.etag != "" && etag != "" && etag != r.etag, size >= 0 && size != r.Whole:
		return errChanged
	case !partial && (at > 0 || size < 0), partial && start(response) != at:
		return errNoRest
	}
	return nil
}

// start is the byte that an answer with a part begins with, or -1.
func start(response *http.Response) int64 {
	from, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Content-Range"), "bytes "), "-")
	n, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// permanent reports whether a repeated request would fail with the same error.
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
	case errors.As(err, &refused), errors.Is(err, errScheme), errors.Is(err, errChanged), errors.Is(err, errNoRest),
		errors.Is(err, playlist.ErrRefused), errors.Is(err, playlist.ErrEncrypted):
		return true
	}
	return false
}
