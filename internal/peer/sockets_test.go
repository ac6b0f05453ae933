package peer

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/jsonparams"
)

func loopbackRoute(remotes ...string) route {
	r := route{locals: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	for _, addr := range remotes {
		r.candidates = append(r.candidates, jsonparams.Candidate{Addr: netip.MustParseAddrPort(addr)})
	}
	return r
}

func TestSocketPoolSharesOnlyAmongDifferentServers(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	take := func(remotes ...string) *lease {
		l, err := pool.lease(loopbackRoute(remotes...), new(reception))
		require.NoError(t, err)
		return l
	}
	a := take("127.0.0.1:1000")
	b := take("127.0.0.1:1001", "127.0.0.1:1002")
	c := take("127.0.0.1:1000")
	d := take("127.0.0.1:1002", "127.0.0.1:1003")
	e := take("127.0.0.1:1002")
	require.Same(t, a.paths[0].socket, b.paths[0].socket, "different addresses share")
	require.NotSame(t, a.paths[0].socket, c.paths[0].socket, "one address does not")
	require.Same(t, c.paths[0].socket, d.paths[0].socket, "the first socket that is free of the address")
	require.NotSame(t, d.paths[0].socket, e.paths[0].socket)
	require.Len(t, pool.sockets, 3)

	require.NoError(t, a.Close())
	require.NoError(t, a.Close(), "idempotent")
	f := take("127.0.0.1:1000")
	require.Same(t, b.paths[0].socket, f.paths[0].socket, "what was given back can be taken")

	for _, l := range []*lease{b, c, d, e, f} {
		require.NoError(t, l.Close())
	}
	require.Empty(t, pool.sockets, "a pool without calls holds nothing")
}
