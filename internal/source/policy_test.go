package source_test

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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := media.FromURL("srt://localhost:"+port+"?latency=100", media.EncodeOptions{}).Open(ctx, e)
	require.NoError(t, err)
	defer stream.Close()
	_, err = stream.ReadFrame()
	require.NoError(t, err)
}
