package peer

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSharedSocketAsksForLargeBuffers: it gets as much as the kernel grants anyone.
func TestSharedSocketAsksForLargeBuffers(t *testing.T) {
	t.Parallel()
	pool := NewSocketPool()
	l, err := pool.lease(loopbackRoute("127.0.0.1:1000"), new(reception))
	require.NoError(t, err)
	raw, err := l.paths[0].socket.conn.SyscallConn()
	require.NoError(t, err)
	for option, limit := range map[int]string{syscall.SO_RCVBUF: "rmem_max", syscall.SO_SNDBUF: "wmem_max"} {
		text, err := os.ReadFile("/proc/sys/net/core/" + limit)
		if err != nil {
			t.Skip(err)
		}
		most, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		var size int
		require.NoError(t, raw.Control(func(fd uintptr) {
			size, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, option)
		}))
		require.NoError(t, err)
		require.GreaterOrEqual(t, size, min(most, socketBuffer), limit)
	}
	require.NoError(t, l.Close())
}
