package rtmp

import (
	"errors"
	"syscall"
)

const wsaeConnAborted = syscall.Errno(10053)

// isReset reports whether the other end has closed the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.WSAECONNRESET) || errors.Is(err, wsaeConnAborted)
}
