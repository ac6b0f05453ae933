package media

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gotgcall/gotgcall/models"
)

// URLPolicy decides whether FromURL may connect to an address. It is asked once
// names are resolved, for each redirect, playlist entry and retry, from any
// goroutine, and must not block for long. The error it returns refuses the
// address and is found by errors.Is in the source's, which also wraps
// models.ErrFile. The network is "tcp4", "tcp6", "udp4" or "udp6".
type URLPolicy func(ctx context.Context, network string, address netip.AddrPort) error

// PublicOnly is a URLPolicy that refuses every address that is not of the public
// internet: loopback, private, link-local, shared, reserved, multicast and
// documentation addresses, and the IPv6 forms of all of these. Its error wraps
// models.ErrNotPublic.
func PublicOnly(_ context.Context, _ string, address netip.AddrPort) error {
	if !public(address.Addr()) {
		return fmt.Errorf("%w: %s", models.ErrNotPublic, address.Addr())
	}
	return nil
}

func public(a netip.Addr) bool {
	a = embedded(a.Unmap().WithZone(""))
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, s := range reserved(a.Is4()) {
		if netip.MustParsePrefix(s).Contains(a) {
			return false
		}
	}
	return true
}

// embedded returns the IPv4 address that an IPv6 address leads to, by NAT64
// (RFC 6052), 6to4 (RFC 3056) or as an IPv4-compatible one, or a.
func embedded(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	b := a.As16()
	v4 := func(from int) netip.Addr { return netip.AddrFrom4([4]byte(b[from : from+4])) }
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a):
		return v4(12)
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return v4(2)
	}
	return a
}

// reserved are the special purpose blocks of RFC 6890 and its registries that
// package netip does not know.
func reserved(v4 bool) []string {
	if v4 {
		return []string{
			"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
			"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		}
	}
	return []string{"64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10"}
}
