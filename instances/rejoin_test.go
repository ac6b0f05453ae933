package instances

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/models"
)

// TestStopWaitsForTheConnectionThatARejoinReplaced: it is being closed when the call
// is stopped.
func TestStopWaitsForTheConnectionThatARejoinReplaced(t *testing.T) {
	t.Parallel()
	server, err := sfu.New(sfu.Config{})
	require.NoError(t, err)
	defer server.Close()
	for range 10 {
		up := make(chan struct{}, 2)
		g, err := NewGroup(groupConfig(), &recorder{connection: func(info models.NetworkInfo) {
			if info.State == models.Connected {
				up <- struct{}{}
			}
		}})
		require.NoError(t, err)
		params, err := g.Join(t.Context())
		require.NoError(t, err)
		answer, err := server.Join(t.Context(), params)
		require.NoError(t, err)
		require.NoError(t, g.Connect(t.Context(), answer))
		<-up
		params, err = g.Rejoin()
		require.NoError(t, err)
		answer, err = server.Join(t.Context(), params)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- g.Connect(context.Background(), answer) }()
		<-up
		require.True(t, g.Stop(models.ErrStopped))
		g.mu.Lock()
		require.Nil(t, g.line.(*group).old, "it is gone when Stop returns")
		g.mu.Unlock()
		require.NoError(t, <-done)
	}
}
