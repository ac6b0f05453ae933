package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInterruptLeavesNothing ends a demo that plays, stores an upload and has silent calls.
func TestInterruptLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	body, rest := io.Pipe()
	uploaded := make(chan error, 1)
	err := watch(t, ctx, nil, func(line string) {
		url, ok := strings.CutPrefix(line, "hear it at ")
		if !ok {
			return
		}
		request(t, http.MethodPost, url+"api/calls", `{"kind": "pattern", "value": "tone"}`)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"api/load", strings.NewReader(`{"calls": 2}`))
		require.NoError(t, err)
		require.NoError(t, finish(r))
		r, err = http.NewRequestWithContext(t.Context(), http.MethodPost, url+"api/files/song.mp3", body)
		require.NoError(t, err)
		go func() { uploaded <- finish(r) }()     // ends with the program
		_, err = rest.Write(make([]byte, 16<<20)) // more than a connection holds
		require.NoError(t, err)
		awaitState(t, url, `"connected":2`)
		left, err := filepath.Glob(filepath.Join(dir, "*", ".upload-"+strings.Repeat("?", 26)))
		require.NoError(t, err)
		require.NotEmpty(t, left, "no upload is stored")
		if runtime.GOOS == "linux" {
			require.NotEmpty(t, processes(dir))
		}
		interrupt()
	})
	require.NoError(t, err)
	rest.Close()
	require.Error(t, <-uploaded)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, processes(dir))
}

// finish sends a request, and fails unless it is answered with success.
func finish(r *http.Request) error {
	r.Close = true // leaves no goroutine
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("answered with %s", resp.Status)
	}
	return nil
}

// awaitState waits until the demo's state has some words.
func awaitState(t *testing.T, url, words string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"api/events", nil)
	require.NoError(t, err)
	r.Close = true // leaves no goroutine
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		if strings.Contains(line, words) {
			return
		}
	}
}

// processes returns the command lines of other processes in whose environment a directory
// is, on Linux.
func processes(dir string) (lines []string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		if path == fmt.Sprintf("/proc/%d/environ", os.Getpid()) {
			continue
		}
		if raw, err := os.ReadFile(path); err == nil && bytes.Contains(raw, []byte(dir)) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline")) // it may have ended
			lines = append(lines, string(line))
		}
	}
	return lines
}
