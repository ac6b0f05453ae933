//go:build !linux

package peer

import (
	"errors"
	"net"
)

// setFilter fails: only Linux has filters of sockets.
func setFilter(_ *net.UDPConn, _, _ bool) error { return errors.ErrUnsupported }
