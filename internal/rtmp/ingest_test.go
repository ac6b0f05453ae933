package rtmp

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

func TestParseIngest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, server, app, key, addr string }{
		{"rtmps://dc4-1.rtmp.t.me/s/2099:AbC_d-E", "rtmps://dc4-1.rtmp.t.me", "s", "2099:AbC_d-E", "dc4-1.rtmp.t.me:443"},
		{"rtmp://127.0.0.1:1935/live/key", "rtmp://127.0.0.1:1935", "live", "key", "127.0.0.1:1935"},
		{"RTMP://host/live/key", "rtmp://host", "live", "key", "host:1935"},
		{"rtmp://[::1]:1935/app/instance/key", "rtmp://[::1]:1935", "app/instance", "key", "[::1]:1935"},
		{"rtmp://host/live/key?token=a/b&c=d=e", "rtmp://host", "live", "key?token=a/b&c=d=e", "host:1935"},
		{"rtmps://[::1]/s/k", "rtmps://[::1]", "s", "k", "[::1]:443"},
	} {
		got, err := ParseIngest(test.url)
		require.NoError(t, err, test.url)
		require.Equal(t, test.server, got.server)
		require.Equal(t, test.app, got.app)
		require.Equal(t, test.key, got.key)
		require.Equal(t, test.addr, got.addr())
	}
}

func TestParseIngestRefuses(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"nothing":       "",
		"no scheme":     "host/live/SECRET",
		"another":       "http://host/live/SECRET",
		"a file":        "file:///live/SECRET",
		"no host":       "rtmp:///live/SECRET",
		"a bad port":    "rtmp://host:SECRET/live/SECRET",
		"a bad escape":  "rtmp://host/live/SECRET%zz",
		"no app":        "rtmp://host/SECRET",
		"no key":        "rtmp://host/live/",
		"a query only":  "rtmp://host/live/?SECRET",
		"a password":    "rtmp://SECRET:SECRET@host/live/SECRET",
		"with a slash":  "rtmp://user:SEC/RET@host/live/key",
		"with a colon":  "rtmp://user:SECRET/:x@host/live/key",
		"a blank":       "rtmp://host/live/SECRET live=1",
		"a line":        "rtmp://host/live/SECRET\nrtmp_app=x",
		"a fragment":    "rtmp://host/live/SECRET#x",
		"a key too big": "rtmp://host/live/SECRET" + strings.Repeat("x", 1<<16),
	} {
		_, err := ParseIngest(url)
		require.ErrorIs(t, err, models.ErrInvalidParams, name)
		require.NotContains(t, err.Error(), "SEC", name)
	}
}

func TestIngestKeepsItsKey(t *testing.T) {
	t.Parallel()
	in, err := ParseIngest("rtmps://host/s/KEY?token=SECRET")
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("lost", "server", in)
	require.Contains(t, log.String(), `"server":"rtmps://host/s"`)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, in), "KEY")
	}
	require.Equal(t, "a (key) and (key)", in.Redact("a KEY?token=SECRET and KEY"))
}
