package fetch_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

// TestFileIsGivenBackOnItsLastConnection: one that was lost is not the one that is read on.
func TestFileIsGivenBackOnItsLastConnection(t *testing.T) {
	t.Parallel()
	file := content(200_000)
	server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
		a := webtest.Part(q, file)
		switch n {
		case 0:
			a.Cut = 1000
		case 1:
			a.Cut, a.Hang = 50_000, true
		}
		return a
	})
	c := newClient(t, fetch.Config{Patience: time.Second})
	r, err := c.Open(t.Context(), server.URL)
	require.NoError(t, err)
	f := r.NewFile(t.Context())
	_, err = io.CopyN(io.Discard, f, 10_000)
	require.NoError(t, err)
	f.GiveBack()
	again := r.NewReader(t.Context())
	defer again.Close()
	got, err := io.ReadAll(again)
	require.NoError(t, err, "a connection that hangs is left")
	require.True(t, bytes.Equal(file, got))
	require.Len(t, server.Requests(), 3)
}
