//go:build !linux

package rtmp

import "syscall"

// watchAcknowledgements does nothing: there is no option for it that all of these
// systems have.
func watchAcknowledgements(_, _ string, _ syscall.RawConn) error { return nil }
