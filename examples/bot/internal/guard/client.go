package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gotgcall/gotgcall"
)

const (
	dialTimeout  = 10 * time.Second
	maxHeader    = 64 << 10 // bytes of an answer's header
	maxRedirects = 5
)

// Guard connects where its policy allows.
type Guard struct {
	// Policy decides about each address. It is not nil.
	Policy gotgcall.URLPolicy
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
}

// Dial connects to host:port. An error wraps the policy's if that refused the address.
func (g Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Resolver: g.Resolver}
	d.ControlContext = func(ctx context.Context, network, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		return g.Policy(ctx, network, a)
	}
	return d.DialContext(ctx, network, address)
}

// ErrRedirect is the error of a redirect that leaves http and https, or is one of many.
var ErrRedirect = errors.New("a redirect that is not followed")

// Client returns a client for single requests: it keeps no connection open, and uses no
// proxy of the environment, which the policy could not see behind.
func (g Guard) Client() *http.Client {
	return &http.Client{
		Transport: g.transport(),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects || r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.User != nil {
				return ErrRedirect
			}
			return nil
		},
	}
}

func (g Guard) transport() *http.Transport {
	return &http.Transport{
		DialContext:            g.Dial,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  dialTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives:      true,
		DisableCompression:     true,
	}
}
