package media_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

func TestPublicOnlyKnowsWhatIsPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "2001::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::",
	} {
		err := media.PublicOnly(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80))
		require.ErrorIs(t, err, models.ErrNotPublic, address)
	}
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
	} {
		require.NoError(t, media.PublicOnly(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80)), address)
	}
}

// canary is a server that nobody may connect to.
func canary(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	called := make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
			called <- struct{}{}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		require.Empty(t, called, "somebody connected")
	})
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func TestPolicyIsAskedBeforeEveryConnection(t *testing.T) {
	t.Parallel()
	refusal := errors.New("not there")
	forbidden := canary(t)
	redirecting := webtest.Start(t, func(int, *http.Request) webtest.Answer {
		return webtest.Answer{Status: "HTTP/1.1 302 Found", Header: []string{"Location: http://127.0.0.1:" + forbidden + "/"}}
	})
	moved := answerRTSP(t, "RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: rtsp://127.0.0.1:"+forbidden+"/x\r\n\r\n")
	e := env()
	e.URLPolicy = func(_ context.Context, network string, address netip.AddrPort) error {
		if fmt.Sprint(address.Port()) == forbidden || strings.HasPrefix(network, "udp") {
			return refusal
		}
		return nil
	}
	for name, address := range map[string]string{
		"http":       "http://127.0.0.1:" + forbidden + "/x",
		"by name":    "http://localhost:" + forbidden + "/x",
		"short":      "http://[::ffff:127.0.0.1]:" + forbidden + "/x",
		"https":      "https://127.0.0.1:" + forbidden + "/x",
		"redirected": redirecting.URL,
		"rtmp":       "rtmp://127.0.0.1:" + forbidden + "/a/b",
		"rtmps":      "rtmps://127.0.0.1:" + forbidden + "/a/b",
		"rtsp":       "rtsp://127.0.0.1:" + forbidden + "/a/b",
		"srt":        "srt://127.0.0.1:" + forbidden,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := media.FromURL(address, media.EncodeOptions{}).Open(t.Context(), e)
			require.ErrorIs(t, err, refusal)
			require.ErrorIs(t, err, models.ErrFile)
		})
	}
	t.Run("rtsp, redirected", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		_, err := media.FromURL("rtsp://"+moved+"/x", media.EncodeOptions{}).Open(ctx, e)
		require.Error(t, err)
	})
}

// answerRTSP runs a server that gives one answer to each request.
func answerRTSP(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			for line := "x"; err == nil && strings.TrimSpace(line) != ""; {
				line, err = r.ReadString('\n')
			}
			_, _ = io.WriteString(conn, answer)
			_, _ = r.ReadString('\n')
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestPolicyThatAllowsLetsPlay(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	server := webtest.Start(t, func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) })
	var asked []netip.AddrPort
	e := env()
	e.URLPolicy = func(_ context.Context, _ string, address netip.AddrPort) error {
		asked = append(asked, address)
		return nil
	}
	stream, err := media.FromURL(server.URL, media.EncodeOptions{}).Open(t.Context(), e)
	require.NoError(t, err)
	_, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	require.NoError(t, stream.Close())
	require.Equal(t, server.Address, asked[0].String())
}

func TestSRTPlaysByTheAddressThatThePolicySaw(t *testing.T) {
	t.Parallel()
	input := fixture(t, "plain.ts", tone("1")...)
	address := freeUDP(t)
	defer startFFmpeg(t, "-re", "-stream_loop", "-1", "-i", input, "-c", "copy", "-f", "mpegts", "srt://"+address+"?mode=listener")()
	e := env()
	e.URLPolicy = func(context.Context, string, netip.AddrPort) error { return nil }
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := media.FromURL("srt://localhost:"+port+"?latency=100", media.EncodeOptions{}).Open(ctx, e)
	require.NoError(t, err)
	defer stream.Close()
	_, err = stream.ReadFrame()
	require.NoError(t, err)
}
