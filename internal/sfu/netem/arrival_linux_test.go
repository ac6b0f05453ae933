package netem

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

	// The kernel begins to stamp some time after the first socket of the machine asks
	// for it, and its clock is stepped.
	oob := make([]byte, arrivalSpace)
	require.Eventually(t, func() bool {
		_, err = sock.WriteTo([]byte{1}, sock.LocalAddr())
		require.NoError(t, err)
		sent := time.Now()
		<-time.After(50 * time.Millisecond)
		_, said, _, _, err := sock.ReadMsgUDP(make([]byte, 10), oob)
		require.NoError(t, err)
		read := time.Now()
		came := arrivalOf(oob[:said], read)
		return came.Sub(sent) < read.Sub(came)
	}, patience, time.Millisecond)
	now := time.Now()
	assert.Equal(t, now, arrivalOf(nil, now))
}
