package e2e_test

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay passes connections on to a server, as long as the test wants.
type relay struct {
	listener net.Listener
	server   string
	wrap     func(net.Conn) net.Conn
	done     sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns []net.Conn
	stuck chan struct{} // while not nil nothing is read; closed to go on
	ended bool
}

// newRelay listens on a port of its own; wrap may be nil. It ends with the test.
func newRelay(t *testing.T, server string, wrap func(net.Conn) net.Conn) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: l, server: server, wrap: wrap}
	r.done.Add(1)
	go r.accept() // ends with the listener; Cleanup waits
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.resume()
		r.cut()
		r.done.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	defer r.done.Done()
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		_ = near.(*net.TCPConn).SetReadBuffer(16 << 10) // a small window: who is slow is felt soon
		remote, err := net.Dial("tcp", r.server)
		if err != nil {
			near.Close()
			continue
		}
		if r.wrap != nil {
			near = r.wrap(near)
		}
		r.mu.Lock()
		r.conns = append(r.conns, near, remote)
		r.mu.Unlock()
		r.done.Add(2)
		go r.pass(near, remote)
		go r.pass(remote, near)
	}
}

// pass copies until either end is closed, and closes both.
func (r *relay) pass(to, from net.Conn) {
	defer r.done.Done()
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 4096)
	for {
		r.mu.Lock()
		stuck := r.stuck
		r.mu.Unlock()
		if stuck != nil {
			<-stuck
		}
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut closes every connection there is.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// hang keeps the relay from reading.
func (r *relay) hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.stuck = make(chan struct{})
	}
}

func (r *relay) resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck != nil {
		close(r.stuck)
		r.stuck = nil
	}
}
