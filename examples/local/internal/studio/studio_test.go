package studio

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStudio(t *testing.T) *Studio {
	t.Helper()
	s, err := New(Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestNetworkOfACallThatHasNotJoined: the page shows a call, and its knobs, before that.
func TestNetworkOfACallThatHasNotJoined(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	c, err := s.newCall()
	require.NoError(t, err)
	lossy := Network{Loss: 5}
	require.NoError(t, s.Do(t.Context(), c.id, "network", Request{Network: lossy}))
	require.NoError(t, s.Do(t.Context(), c.id, "blackout", Request{Seconds: 30}))
	require.NoError(t, s.Do(t.Context(), c.id, "kick", Request{}))
	state := s.Snapshot().Calls[0]
	require.Equal(t, lossy, state.Network)
	require.Positive(t, state.Dark)
}

// TestUploadsComeInTurn: each counts the room that those before have left.
func TestUploadsComeInTurn(t *testing.T) {
	t.Parallel()
	f, err := openFolder("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.close()) })
	good := func(context.Context, string) error { return nil }
	slow, rest := io.Pipe()
	first := make(chan error, 1)
	go func() { first <- f.save(t.Context(), "first", slow, good) }() // ends with rest
	_, err = io.WriteString(rest, "some")
	require.NoError(t, err)
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, f.save(gone, "second", strings.NewReader("all"), good), context.Canceled)
	require.NoError(t, rest.Close())
	require.NoError(t, <-first)
	require.NoError(t, f.save(t.Context(), "second", strings.NewReader("all"), good))
	files, err := f.list()
	require.NoError(t, err)
	require.Equal(t, []File{{"first", 4}, {"second", 3}}, files)
}

// TestSilentCallsSayWhyTheyEnded: this program has no silent calls, and says so.
func TestSilentCallsSayWhyTheyEnded(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	require.NoError(t, s.SetLoad(1))
	<-s.load.ended
	require.Contains(t, s.load.state().Trouble, LoadFlag)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.SetLoad(1), ErrClosed)
}
