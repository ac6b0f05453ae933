package fetch

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// byteConn gives what a reader has.
type byteConn struct {
	net.Conn
	io.Reader
}

func (c byteConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func TestStatusLineOfSHOUTcastBecomesHTTP(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ICY 200 OK\r\nicy-name: x\r\n\r\nbody": "HTTP/1.0 200 OK\r\nIcy-Status-Line: 1\r\nicy-name: x\r\n\r\nbody",
		"ICY 404 Gone\n\n":                      "HTTP/1.0 404 Gone\nIcy-Status-Line: 1\r\n\n",
		"HTTP/1.1 200 OK\r\n\r\nICY ":           "HTTP/1.1 200 OK\r\n\r\nICY ",
		"ICE":                                   "ICE", "IC": "IC", "": "", "ICY ": "ICY ",
		"ICY " + strings.Repeat("x", 5000): "ICY " + strings.Repeat("x", 5000),
	} {
		for name, split := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "error with data": iotest.DataErrReader,
		} {
			got, err := io.ReadAll(&icyConn{Conn: byteConn{Reader: split(strings.NewReader(in))}})
			require.NoError(t, err)
			require.Equal(t, want, string(got), name)
		}
	}
}

func TestSpoilerSpoilsAcrossReads(t *testing.T) {
	t.Parallel()
	const in = "RTSP/1.0 302 x\r\nLOCAtion: rtsp://x\r\nlolocation:location;location:"
	const want = "RTSP/1.0 302 x\r\nLOCAtion_ rtsp://x\r\nlolocation_location;location_"
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.HalfReader(strings.NewReader(in))} {
		got, err := io.ReadAll(&spoiler{Reader: r, word: []byte("location:")})
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

func TestForwarderCarriesBothWays(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	f, err := Forward(t.Context(), Config{}, server.Addr().String(), false, "redirect")
	require.NoError(t, err)
	far, err := server.Accept()
	require.NoError(t, err)
	near, err := net.Dial("tcp", f.Address)
	require.NoError(t, err)
	defer near.Close()
	_, err = near.Write([]byte("ping"))
	require.NoError(t, err)
	ping := make([]byte, 4)
	_, err = io.ReadFull(far, ping)
	require.NoError(t, err)
	_, err = far.Write([]byte("pong, and a Redirect"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	got, err := io.ReadAll(near)
	require.NoError(t, err)
	require.Equal(t, "pong, and a Redirec_", string(bytes.TrimSpace(got)))

	// Close interrupts what is open.
	again, err := net.Dial("tcp", f.Address)
	require.NoError(t, err)
	defer again.Close()
	far, err = server.Accept()
	require.NoError(t, err)
	defer far.Close()
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = again.Read(ping)
	require.Error(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Forward(ctx, Config{}, server.Addr().String(), true, "redirect")
	require.Error(t, err)
}
