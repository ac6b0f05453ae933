// Package guardtest makes networks for tests: names that resolve to what a test says,
// servers that must not be reached, and the few that may.
package guardtest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gotgcall/gotgcall"
)

// Names returns a resolver that asks answer for the addresses of each name.
func Names(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe() // no packets: the resolver speaks DNS over TCP
		go serveDNS(server, answer)  // ends when the resolver closes its side
		return client, nil
	}}
}

// serveDNS answers the queries of a connection, in the format of RFC 1035 §4.
func serveDNS(conn net.Conn, answer func(string) []string) {
	defer conn.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply := answerDNS(query, answer)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func answerDNS(query []byte, answer func(string) []string) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	var labels []string
	at := header
	for query[at] != 0 {
		n := int(query[at])
		labels = append(labels, string(query[at+1:at+1+n]))
		at += 1 + n
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	question := query[header : at+5]
	var records []byte
	count := uint16(0)
	for _, s := range answer(strings.ToLower(strings.Join(labels, "."))) {
		a := netip.MustParseAddr(s)
		if a.Is4() != (kind == typeA) || kind != typeA && kind != typeAAAA {
			continue
		}
		records = append(records, 0xC0, header) // the name of the question
		records = binary.BigEndian.AppendUint16(records, kind)
		records = append(records, 0, 1, 0, 0, 0, 0) // class IN, to be kept for 0 s
		records = binary.BigEndian.AppendUint16(records, uint16(len(a.AsSlice())))
		records = append(records, a.AsSlice()...)
		count++
	}
	reply := append([]byte{}, query[:2]...)
	reply = append(reply, 0x81, 0x80, 0, 1) // a recursive answer without an error, one question
	reply = binary.BigEndian.AppendUint16(reply, count)
	reply = append(reply, 0, 0, 0, 0)
	return append(append(reply, question...), records...)
}

// Canary is a server of this machine that nothing may reach.
type Canary struct {
	URL  string // http://127.0.0.1:PORT
	Port string
	seen atomic.Int64
}

// NewCanary starts a canary. The test fails at its end if there was a connection.
func NewCanary(t testing.TB) *Canary {
	t.Helper()
	c := &Canary{}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.seen.Add(1)
		}
	}
	server.Start()
	c.URL = server.URL
	_, c.Port, _ = net.SplitHostPort(server.Listener.Addr().String())
	t.Cleanup(func() {
		server.Close()
		if n := c.seen.Load(); n > 0 {
			t.Errorf("the canary saw %d connections", n)
		}
	})
	return c
}

// Allowed is a policy that allows some addresses of this machine and, beside them,
// only what is public.
type Allowed struct {
	mu  sync.Mutex
	set map[netip.AddrPort]bool
}

// Allow returns a policy that allows servers, given by their URLs.
func Allow(servers ...string) *Allowed {
	a := &Allowed{set: make(map[netip.AddrPort]bool)}
	for _, s := range servers {
		a.Add(s)
	}
	return a
}

// Add allows another server.
func (a *Allowed) Add(server string) {
	u, err := url.Parse(server)
	if err != nil {
		panic(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set[netip.MustParseAddrPort(u.Host)] = true
}

// Policy is the policy.
func (a *Allowed) Policy(ctx context.Context, network string, address netip.AddrPort) error {
	a.mu.Lock()
	ok := a.set[address]
	a.mu.Unlock()
	if ok {
		return nil
	}
	return gotgcall.PublicOnly(ctx, network, address)
}
