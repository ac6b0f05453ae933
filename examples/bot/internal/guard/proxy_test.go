package guard

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
)

// fixture is a proxy that may reach one server, by http and https.
type fixture struct {
	proxy        *Proxy
	plain, https *httptest.Server
}

func newFixture(t *testing.T, answer http.HandlerFunc) *fixture {
	t.Helper()
	f := &fixture{plain: httptest.NewServer(answer), https: httptest.NewTLSServer(answer)}
	t.Cleanup(f.plain.Close)
	t.Cleanup(f.https.Close)
	var err error
	f.proxy, err = Listen(Guard{Policy: guardtest.Allow(f.plain.URL, f.https.URL).Policy})
	require.NoError(t, err)
	t.Cleanup(f.proxy.Close)
	return f
}

// client returns a client that uses a session as a program does: by its environment.
func client(t *testing.T, s *Session) *http.Client {
	t.Helper()
	env := make(map[string]string)
	for _, v := range s.Env() {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		Proxy: func(r *http.Request) (*url.URL, error) {
			return url.Parse(env[r.URL.Scheme+"_proxy"])
		},
	}
	return &http.Client{Transport: transport}
}

func hello(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s %s", r.URL.Path, r.Header.Get("Proxy-Authorization"))
}

func TestProxyForwardsHTTPAndHTTPS(t *testing.T) {
	t.Parallel()
	f := newFixture(t, hello)
	s := f.proxy.Open(Limits{})
	defer s.Close()
	for _, base := range []string{f.plain.URL, f.https.URL} {
		answer, err := client(t, s).Get(base + "/a")
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(t, err)
		require.Equal(t, "hello /a ", string(body), "the credential stays here")
	}
	require.NoError(t, s.Refused())
}

func TestProxyRefusesAddresses(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	f := newFixture(t, hello)
	for _, target := range []string{
		canary.URL, "http://[::ffff:7f00:1]:" + canary.Port, "https://127.0.0.1:" + canary.Port, "http://localhost:" + canary.Port,
		"http://169.254.169.254/", "https://10.0.0.1/",
	} {
		s := f.proxy.Open(Limits{})
		answer, err := client(t, s).Get(target)
		if err == nil { // a refused CONNECT is an error of the client
			answer.Body.Close()
			require.Equal(t, http.StatusForbidden, answer.StatusCode, target)
		}
		require.ErrorIs(t, s.Refused(), gotgcall.ErrNotPublic, target)
		s.Close()
	}
}

func TestProxyRefusesOtherProtocols(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	f := newFixture(t, hello)
	s := f.proxy.Open(Limits{})
	defer s.Close()
	for _, request := range []string{
		"GET ftp://127.0.0.1:" + canary.Port + "/ HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n",
		"GET " + f.plain.URL + "/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
		"CONNECT / HTTP/1.1\r\n",
		"CONNECT 127.0.0.1 HTTP/1.1\r\n",
	} {
		status := raw(t, f.proxy, request+credential(s))
		require.Contains(t, []int{http.StatusForbidden, http.StatusBadGateway}, status, request)
	}
}

func TestProxyWantsTheCredentialOfAnOpenSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, hello)
	s := f.proxy.Open(Limits{})
	old := credential(s)
	s.Close()
	for _, header := range []string{"", old, "Proxy-Authorization: Basic Ong=\r\n", "Proxy-Authorization: x\r\n"} {
		require.Equal(t, http.StatusProxyAuthRequired, raw(t, f.proxy, "GET "+f.plain.URL+"/ HTTP/1.1\r\n"+header))
		require.Equal(t, http.StatusProxyAuthRequired, raw(t, f.proxy, "CONNECT "+f.plain.Listener.Addr().String()+" HTTP/1.1\r\n"+header))
	}
}

func TestProxyEndsWhatTransfersTooMuch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 32<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	for _, base := range []string{f.plain.URL, f.https.URL} {
		s := f.proxy.Open(Limits{Bytes: 1 << 20})
		answer, err := client(t, s).Get(base)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		require.Error(t, err)
		require.LessOrEqual(t, n, int64(1<<20))
		require.ErrorIs(t, s.Refused(), ErrTooMuch)
		s.Close()
	}
}

func TestProxyClosesIdleConnections(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := f.proxy.Open(Limits{Idle: 50 * time.Millisecond})
	defer s.Close()
	answer, err := client(t, s).Get(f.plain.URL)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusBadGateway, answer.StatusCode)
	_, err = client(t, s).Get(f.https.URL) //nolint:bodyclose // it fails
	require.Error(t, err)
}

func TestProxyLimitsConnections(t *testing.T) {
	t.Parallel()
	f := newFixture(t, hello)
	s := f.proxy.Open(Limits{Connections: 1, Idle: 100 * time.Millisecond})
	defer s.Close()
	require.True(t, s.enter(t.Context()))
	require.Equal(t, http.StatusServiceUnavailable, raw(t, f.proxy, "GET "+f.plain.URL+"/ HTTP/1.1\r\n"+credential(s)))
	<-s.places
	require.Equal(t, http.StatusOK, raw(t, f.proxy, "GET "+f.plain.URL+"/ HTTP/1.1\r\n"+credential(s)))
}

func TestCloseEndsTunnels(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Proxy, *Session){
		"session": func(_ *Proxy, s *Session) { s.Close() },
		"proxy":   func(p *Proxy, _ *Session) { p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, hello)
			s := f.proxy.Open(Limits{})
			defer s.Close()
			conn, err := net.Dial("tcp", f.proxy.address)
			require.NoError(t, err)
			defer conn.Close()
			target := f.plain.Listener.Addr().String()
			fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, target, credential(s))
			reader := bufio.NewReader(conn)
			answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode)
			end(f.proxy, s)
			_, err = reader.ReadByte()
			require.Error(t, err)
			f.proxy.Close() // twice
		})
	}
}

// credential returns the header of a session's credential.
func credential(s *Session) string {
	r := http.Request{Header: make(http.Header)}
	r.SetBasicAuth(s.secret, "x")
	return "Proxy-Authorization: " + r.Header.Get("Authorization") + "\r\n"
}

// raw sends a request without its empty line and returns the status of the answer.
func raw(t *testing.T, p *Proxy, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request+"Host: x\r\n\r\n")
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode
}
