package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestScript(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-script"}, nil, &out), out.String())
	require.Contains(t, out.String(), "VERDICT: the bot works")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTalk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	in, typing := io.Pipe()
	out := &transcript{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, nil, in, out) }()
	say := func(line string) {
		out.mark()
		_, err := io.WriteString(typing, line+"\n")
		require.NoError(t, err)
	}
	out.await(t, "hear it at http://127.0.0.1:")
	say("/help")
	out.await(t, "/vplay")
	say("/play")
	out.await(t, "▶︎ Scale — gotgcall")
	out.await(t, "DJ is here")
	say("3")
	out.await(t, "⏸ Scale")
	say("77")
	out.await(t, "no such button")
	say("!kick")
	out.await(t, "you are alone")
	say("!dance")
	out.await(t, "there is no !dance")
	say("/play " + filepath.Join(dir, "missing.mp3"))
	out.await(t, "no address and nothing to search for")
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, typing.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestEndOfInputEnds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	require.NoError(t, run(t.Context(), []string{"-listen", ""}, strings.NewReader(""), io.Discard))
}

// transcript is an output that a test waits for.
type transcript struct {
	mu      sync.Mutex
	text    strings.Builder
	since   int // where the answers to what was typed last begin
	changed chan struct{}
}

func (o *transcript) mark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = o.text.Len()
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

// String returns what was printed since mark.
func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()[o.since:]
}

func (o *transcript) await(t *testing.T, words string) {
	t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	for !strings.Contains(o.String(), words) {
		select {
		case <-o.changed:
		case <-timer.C:
			require.Contains(t, o.String(), words)
		}
	}
}
