package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

// route is the operating system's route to the server.
type route struct {
	// locals are the addresses it would send from, each once.
	locals []netip.Addr
	// candidates are those of the server that it leads to. An IPv6 address on a
	// host without IPv6 is not among them.
	candidates []jsonparams.Candidate
}

// routeTo returns the route to the candidates. Nothing is sent: connecting a UDP
// socket only looks the route up. It spares us every other interface of the
// machine (docker, virtual machines, tunnels) without knowing their names.
func routeTo(ctx context.Context, candidates []jsonparams.Candidate) (route, error) {
	var r route
	var dialer net.Dialer
	var lastErr error
	seen := make(map[netip.Addr]bool)
	for _, c := range candidates {
		conn, err := dialer.DialContext(ctx, "udp", c.Addr.String())
		if err != nil {
			lastErr = err
			continue
		}
		local := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone("")
		_ = conn.Close() // a UDP socket that sent nothing
		r.candidates = append(r.candidates, c)
		if !seen[local] {
			seen[local] = true
			r.locals = append(r.locals, local)
		}
	}
	switch {
	case len(candidates) == 0:
		return r, fmt.Errorf("%w: the server has no address of the allowed network types", models.ErrConnectionFailed)
	case len(r.candidates) == 0:
		return r, fmt.Errorf("%w: no route to the server: %w", models.ErrConnectionFailed, lastErr)
	}
	return r, nil
}

// gone returns an address of the route that this machine no longer has, if any.
func (r route) gone() (netip.Addr, bool) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, false
	}
	have := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			have[prefix.Addr().Unmap()] = true
		}
	}
	for _, local := range r.locals {
		if !have[local] && !local.IsLoopback() { // all of 127.0.0.0/8 is ours
			return local, true
		}
	}
	return netip.Addr{}, false
}

// from reports whether ip is a local address of the route.
func (r route) from(ip net.IP) bool {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return false
	}
	addr = addr.Unmap()
	for _, local := range r.locals {
		if local == addr {
			return true
		}
	}
	return false
}
