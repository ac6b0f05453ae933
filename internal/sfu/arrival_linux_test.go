package sfu

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestArrivalIsNotTheTimeOfReading: a datagram waits in the kernel.
func TestArrivalIsNotTheTimeOfReading(t *testing.T) {
	t.Parallel()
	sock, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer sock.Close()
	stampArrivals(sock)
	_, err = sock.WriteTo([]byte{1}, sock.LocalAddr())
	require.NoError(t, err)
	sent := time.Now()
	<-time.After(50 * time.Millisecond)
	oob := make([]byte, arrivalSpace)
	_, said, _, _, err := sock.ReadMsgUDP(make([]byte, 10), oob)
	require.NoError(t, err)

	// The kernel's clock ticks in its own steps, and is stepped itself.
	read := time.Now()
	came := arrivalOf(oob[:said], read)
	assert.Less(t, came.Sub(sent), 25*time.Millisecond)
	assert.Equal(t, read, arrivalOf(nil, read))
}
