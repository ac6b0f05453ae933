package remote

import (
	"encoding/binary"
	"math/bits"
	"net"
	"syscall"
	"time"
)

// stampArrivals makes the kernel note when datagrams arrive.
func stampArrivals(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1)
	})
}

// arrival returns the time in a control message of SO_TIMESTAMPNS (socket(7)), on the 64-bit
// machines whose layout it knows.
func arrival(oob []byte) (time.Time, bool) {
	if bits.UintSize != 64 || len(oob) < syscall.SizeofCmsghdr+16 {
		return time.Time{}, false
	}
	kind := binary.NativeEndian.Uint32(oob[12:])
	if kind != syscall.SO_TIMESTAMPNS {
		return time.Time{}, false
	}
	seconds, nanos := binary.NativeEndian.Uint64(oob[16:]), binary.NativeEndian.Uint64(oob[24:])
	return time.Unix(int64(seconds), int64(nanos)), true
}
