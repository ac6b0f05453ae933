package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Forwarder hands the connections of a protocol that ffmpeg speaks itself on to one
// server: ffmpeg is given an address of the loopback interface and can reach no
// other server.
type Forwarder struct {
	// Address is where ffmpeg is to connect to, host and port.
	Address string

	// immutable after Forward
	dial     func(context.Context) (net.Conn, error)
	hide     []byte
	listener net.Listener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// Forward connects to a server, by TLS if secure is set, and returns a forwarder to it.
// hide is the word by which the server would redirect the client: the last letter of each
// of its occurrences, in any case, is spoiled. The caller must Close the forwarder.
func Forward(ctx context.Context, cfg Config, address string, secure bool, hide string) (*Forwarder, error) {
	f := &Forwarder{dial: dialTo(cfg, address, secure), hide: []byte(hide)}
	first, err := f.dial(ctx)
	if err != nil {
		return nil, err
	}
	f.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		first.Close()
		return nil, fmt.Errorf("forward to a server: %w", err)
	}
	f.Address = f.listener.Addr().String()
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.running.Add(1)
	go f.accept(first) // stopped and waited for by Close
	return f, nil
}

func dialTo(cfg Config, address string, secure bool) func(context.Context) (net.Conn, error) {
	dialer := Dialer(cfg.Policy)
	if !secure {
		return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }
	}
	config := &tls.Config{InsecureSkipVerify: cfg.Insecure} //nolint:gosec // as the option says
	return func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
	}
}

// Close ends all connections and waits for that. It is idempotent.
func (f *Forwarder) Close() error {
	f.cancel()
	f.listener.Close()
	f.running.Wait()
	return nil
}

// accept serves ffmpeg's connections, the first with the connection that there is.
func (f *Forwarder) accept(server net.Conn) {
	defer f.running.Done()
	for {
		client, err := f.listener.Accept()
		if err != nil {
			break
		}
		f.running.Add(1)
		go f.forward(client, server) // ends with a connection, and on Close, which waits for it
		server = nil
	}
	if server != nil {
		server.Close()
	}
}

// forward copies both ways until one ends.
func (f *Forwarder) forward(client, server net.Conn) {
	defer f.running.Done()
	defer client.Close()
	if server == nil {
		var err error
		if server, err = f.dial(f.ctx); err != nil {
			return
		}
	}
	defer server.Close()
	stop := context.AfterFunc(f.ctx, func() {
		client.Close()
		server.Close()
	})
	defer stop()
	up := make(chan struct{})
	go func() { // ends when either connection does; waited for below
		defer close(up)
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(client, &spoiler{Reader: server, word: f.hide})
	client.Close()
	<-up
}

// spoiler spoils the last letter of each occurrence of a word of ASCII in lower
// case. It holds nothing back.
type spoiler struct {
	io.Reader
	word []byte
	last []byte // the last bytes read, in lower case, as many as the word has at most
}

func (s *spoiler) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	for i, c := range p[:n] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if len(s.last) == len(s.word) {
			s.last = append(s.last[:0], s.last[1:]...)
		}
		if s.last = append(s.last, c); bytes.Equal(s.last, s.word) {
			p[i] = '_'
		}
	}
	return n, err
}

// Resolve returns the first address of a host that a policy allows, for a
// protocol that only ffmpeg can dial.
func Resolve(ctx context.Context, policy Policy, network, host string, port uint16) (netip.AddrPort, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var refusals []error
	for _, a := range found {
		address := netip.AddrPortFrom(a.Unmap(), port)
		family := network + "6"
		if address.Addr().Is4() {
			family = network + "4"
		}
		err := Check(ctx, policy, family, address.String())
		if err == nil {
			return address, nil
		}
		refusals = append(refusals, err)
	}
	return netip.AddrPort{}, errors.Join(refusals...)
}
