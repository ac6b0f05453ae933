//go:build !linux

package peer

import (
	"errors"
	"net"
)

// attachFilter fails: only Linux has filters of sockets.
func attachFilter(*net.UDPConn) error { return errors.ErrUnsupported }

func detachFilter(*net.UDPConn) error { return errors.ErrUnsupported }
