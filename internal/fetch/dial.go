package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// RefusedError is the error of an address that a [Policy] refused.
type RefusedError struct {
	Address netip.AddrPort
	Reason  error
}

// Error names the address and the reason.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s is refused: %v", e.Address, e.Reason) }

// Unwrap returns the policy's own error.
func (e *RefusedError) Unwrap() error { return e.Reason }

// Dialer returns a dialer that shows each address to a policy, which may be nil,
// once names are resolved and before anything is sent.
func Dialer(policy Policy) *net.Dialer {
	d := &net.Dialer{Timeout: dialTimeout}
	if policy == nil {
		return d
	}
	d.ControlContext = func(ctx context.Context, network, address string, _ syscall.RawConn) error {
		return Check(ctx, policy, network, address)
	}
	return d
}

// Check shows an address with a numeric host to a policy.
func Check(ctx context.Context, policy Policy, network, address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if err := policy(ctx, network, a); err != nil {
		return &RefusedError{Address: a, Reason: err}
	}
	return nil
}

// newTransport returns a transport that speaks HTTP/1.1 and the protocol of
// SHOUTcast.
func newTransport(cfg Config) *http.Transport {
	dialer := Dialer(cfg.Policy)
	config := &tls.Config{InsecureSkipVerify: cfg.Insecure} //nolint:gosec // as the option says
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &icyConn{Conn: conn}, nil
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &icyConn{Conn: conn}, nil
		},
		TLSClientConfig:        config,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        30 * time.Second,
	}
	if cfg.Policy == nil {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// The status lines of SHOUTcast and of HTTP.
var (
	icyStart  = []byte("ICY ")
	httpStart = []byte("HTTP/1.0 ")
)

// icyHeader marks an answer whose status line was SHOUTcast's.
const icyHeader = "Icy-Status-Line"

// icyConn replaces a status line of SHOUTcast by one of HTTP/1.0 and the header
// icyHeader. Read is for one goroutine.
type icyConn struct {
	net.Conn
	begun   bool
	pending []byte // read and not yet returned
}

func (c *icyConn) Read(p []byte) (int, error) {
	if !c.begun && len(p) > 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// begin reads enough to distinguish the two; in SHOUTcast's case, the line.
func (c *icyConn) begin() error {
	head := make([]byte, 0, 4096)
	for {
		n, err := c.Conn.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		icy := bytes.HasPrefix(head, icyStart)
		end := bytes.IndexByte(head, '\n')
		switch {
		case icy && end >= 0:
			line := append(bytes.Clone(httpStart), head[len(icyStart):end+1]...)
			c.pending = append(append(line, icyHeader+": 1\r\n"...), head[end+1:]...)
		case err == nil && len(head) < cap(head) && (icy || bytes.HasPrefix(icyStart, head)):
			continue
		default:
			c.pending = head
		}
		if c.begun = true; len(c.pending) > 0 {
			return nil // an error comes again
		}
		return err
	}
}
