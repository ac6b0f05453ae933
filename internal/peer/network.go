package peer

import (
	"net"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// network is the operating system's network as far as a connection needs it: its sockets
// are filtered, and its addresses are those of the route. pion would list all interfaces
// for each connection, and keep the list.
type network struct {
	*stdnet.Net // without a list of interfaces
	route       route
	reception   *reception
}

func newNetwork(r route, wants *reception) network {
	return network{Net: new(stdnet.Net), route: r, reception: wants}
}

// Interfaces returns the addresses of the route as those of one interface.
func (n network) Interfaces() ([]*transport.Interface, error) {
	all := transport.NewInterface(net.Interface{Name: "route", Flags: net.FlagUp})
	for _, local := range n.route.locals {
		all.AddAddress(&net.IPNet{IP: local.AsSlice(), Mask: net.CIDRMask(local.BitLen(), local.BitLen())})
	}
	return []*transport.Interface{all}, nil
}

// ListenUDP opens a socket that reads no RTP unless the connection receives.
func (n network) ListenUDP(name string, local *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := net.ListenUDP(name, local)
	if err != nil {
		return nil, err
	}
	n.reception.add(newFilter(conn))
	return filteredConn{conn, n.reception}, nil
}
