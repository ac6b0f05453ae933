package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotgcall/gotgcall"
)

// ErrPort is the error of an address whose port no media is expected at.
var ErrPort = errors.New("not a port for media")

// Ports are ranges of TCP ports.
type Ports []struct{ First, Last uint16 }

// DefaultPorts are those of http, https and of most radio servers.
const DefaultPorts = "80,443,8000-8999"

// ParsePorts reads a list such as [DefaultPorts].
func ParsePorts(list string) (Ports, error) {
	var ports Ports
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.ParseUint(from, 10, 16)
		last := first
		if isRange && err == nil {
			last, err = strconv.ParseUint(to, 10, 16)
		}
		if err != nil || first == 0 || last < first {
			return nil, fmt.Errorf("ports %q: want a list such as %s", list, DefaultPorts)
		}
		ports = append(ports, struct{ First, Last uint16 }{uint16(first), uint16(last)})
	}
	return ports, nil
}

func (p Ports) contain(port uint16) bool {
	for _, r := range p {
		if r.First <= port && port <= r.Last {
			return true
		}
	}
	return false
}

// Policy returns a policy that allows public addresses at some ports. Its errors wrap
// [gotgcall.ErrNotPublic] or [ErrPort].
func Policy(ports Ports) gotgcall.URLPolicy {
	return func(ctx context.Context, network string, address netip.AddrPort) error {
		if err := gotgcall.PublicOnly(ctx, network, address); err != nil {
			return err
		}
		if !ports.contain(address.Port()) {
			return fmt.Errorf("%w: %d", ErrPort, address.Port())
		}
		return nil
	}
}
