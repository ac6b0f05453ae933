package guard

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
)

func TestPolicyAllowsMediaPortsOfPublicAddressesAlone(t *testing.T) {
	t.Parallel()
	ports, err := ParsePorts(DefaultPorts)
	require.NoError(t, err)
	policy := Policy(ports)
	for address, want := range map[string]error{
		"1.1.1.1:80":                nil,
		"1.1.1.1:443":               nil,
		"1.1.1.1:8000":              nil,
		"1.1.1.1:8999":              nil,
		"[2606:4700::1]:443":        nil,
		"1.1.1.1:22":                ErrPort,
		"1.1.1.1:9000":              ErrPort,
		"1.1.1.1:6379":              ErrPort,
		"127.0.0.1:80":              gotgcall.ErrNotPublic,
		"10.0.0.1:443":              gotgcall.ErrNotPublic,
		"172.16.3.4:443":            gotgcall.ErrNotPublic,
		"192.168.1.1:80":            gotgcall.ErrNotPublic,
		"169.254.169.254:80":        gotgcall.ErrNotPublic,
		"100.64.0.1:80":             gotgcall.ErrNotPublic,
		"0.0.0.0:80":                gotgcall.ErrNotPublic,
		"192.0.0.1:80":              gotgcall.ErrNotPublic,
		"198.18.0.1:80":             gotgcall.ErrNotPublic,
		"240.0.0.1:80":              gotgcall.ErrNotPublic,
		"255.255.255.255:80":        gotgcall.ErrNotPublic,
		"224.0.0.1:80":              gotgcall.ErrNotPublic,
		"[::1]:80":                  gotgcall.ErrNotPublic,
		"[::]:80":                   gotgcall.ErrNotPublic,
		"[fc00::1]:80":              gotgcall.ErrNotPublic,
		"[fe80::1]:80":              gotgcall.ErrNotPublic,
		"[ff02::1]:80":              gotgcall.ErrNotPublic,
		"[::ffff:127.0.0.1]:80":     gotgcall.ErrNotPublic,
		"[::ffff:10.0.0.1]:80":      gotgcall.ErrNotPublic,
		"[64:ff9b::7f00:1]:80":      gotgcall.ErrNotPublic,
		"[64:ff9b::a9fe:a9fe]:80":   gotgcall.ErrNotPublic,
		"[2002:7f00:1::]:80":        gotgcall.ErrNotPublic,
		"[fe80::1%eth0]:80":         gotgcall.ErrNotPublic,
		"[::ffff:169.254.1.1]:8080": gotgcall.ErrNotPublic,
	} {
		err := policy(t.Context(), "tcp4", netip.MustParseAddrPort(address))
		require.ErrorIs(t, err, want, address)
	}
}

func TestPortsAreAListOfRanges(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "0", "80,", "x", "90-80", "70000", "80-", "-80", "1-2-3"} {
		_, err := ParsePorts(bad)
		require.Error(t, err, bad)
	}
	ports, err := ParsePorts("80, 8000-8001")
	require.NoError(t, err)
	require.True(t, ports.contain(8001))
	require.False(t, ports.contain(8002))
}

func TestClientRefusesNamesOfPrivateAddressesAtTheDial(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	names := guardtest.Names(func(name string) []string {
		return map[string][]string{
			"ten.example":  {"10.0.0.1"},
			"loop.example": {"127.0.0.1", "::1"},
			"six.example":  {"::ffff:127.0.0.1"},
		}[name]
	})
	g := Guard{Policy: guardtest.Allow().Policy, Resolver: names}
	for _, host := range []string{
		"ten.example", "loop.example", "six.example", "127.0.0.1", "[::ffff:7f00:1]", "[::1]", "localhost", "①②⑦.⓪.⓪.①",
	} {
		_, err := get(t, g, "http://"+host+":"+canary.Port+"/")
		require.ErrorIs(t, err, gotgcall.ErrNotPublic, host)
	}
	// Names in the eyes of Go. The system's resolver may take them for 127.0.0.1.
	for _, host := range []string{"0x7f000001", "2130706433", "017700000001", "127.1", "0177.0.0.1"} {
		_, err := get(t, Guard{Policy: g.Policy}, "http://"+host+":"+canary.Port+"/")
		require.Error(t, err, host)
	}
}

func TestClientChecksAgainWhenANameIsRebound(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "media")
	}))
	defer server.Close()
	addresses := []string{"127.0.0.1", "127.0.0.2"} // the policy allows the first alone
	names := guardtest.Names(func(string) []string { return addresses[:1] })
	g := Guard{Policy: guardtest.Allow(server.URL).Policy, Resolver: names}
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	url := "http://rebound.example:" + port + "/"
	body, err := get(t, g, url)
	require.NoError(t, err)
	require.Equal(t, "media", body)

	addresses = addresses[1:]
	_, err = get(t, g, url)
	require.ErrorIs(t, err, gotgcall.ErrNotPublic)
}

func TestClientRefusesRedirects(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	var target string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/loop" {
			http.Redirect(w, r, "/loop", http.StatusFound)
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer server.Close()
	g := Guard{Policy: guardtest.Allow(server.URL).Policy}
	for to, want := range map[string]error{
		canary.URL: gotgcall.ErrNotPublic,
		"http://169.254.169.254/latest/meta-data": gotgcall.ErrNotPublic,
		"file:///etc/passwd":                      ErrRedirect,
		"ftp://127.0.0.1:" + canary.Port + "/":    ErrRedirect,
		"http://user:word@example.com/":           ErrRedirect,
		"/loop":                                   ErrRedirect,
	} {
		target = to
		_, err := get(t, g, server.URL)
		require.ErrorIs(t, err, want, to)
	}
}

func get(t *testing.T, g Guard, url string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := g.Client().Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return string(b), err
}
