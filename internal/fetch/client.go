package fetch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The bounds of a request.
const (
	maxRedirects = 10        // what browsers and net/http allow about
	maxHeader    = 256 << 10 // bytes of an answer's header
	dialTimeout  = 10 * time.Second

	// defaultPatience is how long requests to a lost server are repeated;
	// maxIdle is how long a server may be silent before it counts as lost.
	defaultPatience = 25 * time.Second
	maxIdle         = 10 * time.Second

	// userAgent is that of ffmpeg 5.1: some servers treat unknown clients differently.
	userAgent = "Lavf/59.27.100"
)

// Policy decides about an address before it is connected to. Its error refuses
// the address and is found in the error of the fetch by errors.Is.
type Policy func(ctx context.Context, network string, address netip.AddrPort) error

// Config says how to fetch.
type Config struct {
	// Policy is asked about each address; nil allows all. With a policy the
	// proxies of the environment are not used: it could not see what they
	// connect to.
	Policy Policy
	// Insecure accepts any certificate.
	Insecure bool
	// Patience is how long requests to a lost server are repeated before its
	// resource counts as lost; 0 means 25 s.
	Patience time.Duration
	// Run, when not nil, is to remember how long the server is waited for, and how
	// what has no length begins. Before is what an earlier client remembered of
	// that: nothing but a file begins as it did.
	Run, Before *Run
}

// Client fetches one source. All methods may be called from any goroutine.
type Client struct {
	// immutable after New
	cfg       Config
	idle      time.Duration // how long a server may be silent
	transport *http.Transport
	cookies   http.CookieJar
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc

	mu     sync.Mutex // guards the rest
	server *server    // nil before something is served
	served []http.Handler
	closed bool
}

// New returns a client. The caller must Close it.
func New(cfg Config) *Client {
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	c := &Client{cfg: cfg, idle: min(maxIdle, cfg.Patience/2), transport: newTransport(cfg)}
	c.cookies, _ = cookiejar.New(nil) // it fails for no reason
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends every fetch, waits for them and releases all connections. It is
// idempotent.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	server := c.server
	c.mu.Unlock()
	c.cancel() // also closes the connections that nobody reads
	if server != nil {
		server.close()
	}
	c.transport.CloseIdleConnections()
	return nil
}

// errScheme is the error of a redirect or a playlist that leaves http and https.
var errScheme = errors.New("an address that is neither http nor https is refused")

// do sends a request and follows redirects. The answer's status is below 300, and
// its body is the caller's to close.
func (c *Client) do(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	var userOf string // the host that the user information is for
	var user *url.Userinfo
	for range maxRedirects + 1 {
		if u.Scheme != "http" && u.Scheme != "https" {
			return nil, errScheme
		}
		if u.User != nil {
			user, userOf = u.User, u.Host
		}
		request := (&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: make(http.Header)}).WithContext(ctx)
		maps.Copy(request.Header, header)
		request.Header.Set("User-Agent", userAgent)
		request.Header.Set("Accept", "*/*")
		if user != nil && u.Host == userOf {
			password, _ := user.Password()
			request.SetBasicAuth(user.Username(), password)
		}
		for _, cookie := range c.cookies.Cookies(u) {
			request.AddCookie(cookie)
		}
		response, err := c.transport.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		response.Request = request
		c.cookies.SetCookies(u, response.Cookies())
		next, err := redirect(response)
		if next == nil {
			return response, err
		}
		u = next
	}
	return nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

// redirect returns the address that an answer redirects to; nil for any other answer, with
// an error if it is no success. It closes an answer that it does not accept. Its errors do
// not contain the address.
func redirect(response *http.Response) (*url.URL, error) {
	if response.StatusCode < 300 {
		return nil, nil
	}
	response.Body.Close()
	location := response.Header.Get("Location")
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		location = ""
	}
	if location == "" {
		return nil, &StatusError{Code: response.StatusCode, Status: words(response)}
	}
	next, err := response.Request.URL.Parse(strings.ReplaceAll(location, " ", "%20"))
	if err != nil || next.Host == "" {
		return nil, errors.New("a redirect that is malformed")
	}
	return next, nil
}

// StatusError is an answer that is neither a success nor a redirect.
type StatusError struct {
	Code   int
	Status string // the server's words, such as "403 Forbidden"
}

// Error returns the server's words.
func (e *StatusError) Error() string { return "the server answered " + e.Status }

// words returns the text of a status line, or the standard one where the server's may
// contain a part of the request.
func words(response *http.Response) string {
	const longest = 80
	if s := response.Status; len(s) <= longest && !strings.ContainsAny(s, "?=&@") {
		return s
	}
	return fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
}
