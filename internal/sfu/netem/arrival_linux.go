package netem

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"
)

// arrivalSpace is what the kernel needs to say when a datagram came.
const arrivalSpace = 64

// stampArrivals has the kernel note when datagrams come: on a busy machine they are
// read much later.
func stampArrivals(sock *net.UDPConn) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return
	}

	// Best effort: without it the time of reading serves.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
}

// arrivalOf is when a datagram that is read now came, by its control messages.
func arrivalOf(oob []byte, now time.Time) time.Time {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return now
	}
	for _, m := range messages {
		if m.Header.Level != syscall.SOL_SOCKET || m.Header.Type != syscall.SCM_TIMESTAMPNS {
			continue
		}
		var came time.Time
		switch len(m.Data) { // a timespec
		case 16:
			came = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case 8:
			came = time.Unix(int64(binary.NativeEndian.Uint32(m.Data)), int64(binary.NativeEndian.Uint32(m.Data[4:])))
		default:
			return now
		}

		// The result keeps the monotonic reading of now.
		if age := now.Round(0).Sub(came); age > 0 {
			return now.Add(-age)
		}
	}
	return now
}
