package gotgcall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]gotgcall.Option{
		"connect timeout": gotgcall.WithConnectTimeout(0),
		"stall timeout":   gotgcall.WithStallTimeout(-1),
		"ice timeouts":    gotgcall.WithICETimeouts(time.Second, 0, time.Second),
		"network type":    gotgcall.WithNetworkTypes("tcp4"),
		"ice url":         gotgcall.WithICEServers([]gotgcall.ICEServer{{URLs: []string{"http://x"}}}),
		"ice no url":      gotgcall.WithICEServers([]gotgcall.ICEServer{{}}),
		"turn no user":    gotgcall.WithICEServers([]gotgcall.ICEServer{{URLs: []string{"turn:127.0.0.1"}}}),
	} {
		_, err := gotgcall.New(opt)
		require.ErrorIs(t, err, gotgcall.ErrInvalidParams, name)
	}
}
