package rtmp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, server, app, key string }{
		{"rtmps://dc4-1.rtmp.t.me/s/2099:AbC_d-E", "rtmps://dc4-1.rtmp.t.me", "s", "2099:AbC_d-E"},
		{"rtmp://127.0.0.1:1935/live/key", "rtmp://127.0.0.1:1935", "live", "key"},
		{"RTMP://host/live/key", "rtmp://host", "live", "key"},
		{"rtmp://[::1]:1935/app/instance/key", "rtmp://[::1]:1935", "app/instance", "key"},
		{"rtmp://host/live/key?token=a/b&c=d=e", "rtmp://host", "live", "key?token=a/b&c=d=e"},
	} {
		got, err := ParseTarget(test.url)
		require.NoError(t, err, test.url)
		require.Equal(t, test.server, got.server)
		require.Equal(t, test.app, got.app)
		require.Equal(t, test.key, got.key)
	}
}

func TestParseTargetRefuses(t *testing.T) {
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
		"a blank":       "rtmp://host/live/SECRET live=1",
		"a line":        "rtmp://host/live/SECRET\nrtmp_app=x",
		"a fragment":    "rtmp://host/live/SECRET#x",
		"a key too big": "rtmp://host/live/SECRET" + strings.Repeat("x", maxKey),
	} {
		_, err := ParseTarget(url)
		require.ErrorIs(t, err, models.ErrInvalidParams, name)
		require.NotContains(t, err.Error(), "SECRET", name)
	}
}

func TestTargetKeepsItsKey(t *testing.T) {
	t.Parallel()
	target, err := ParseTarget("rtmps://host/s/KEY?token=SECRET")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, target), "KEY")
	}
	require.Equal(t, "a (key) and (key)", target.Redact("a KEY?token=SECRET and KEY"))
}
