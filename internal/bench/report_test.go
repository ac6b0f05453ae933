package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/bench/load"
	"github.com/gotgcall/gotgcall/internal/bench/remote"
)

// TestTableReplacesTheGeneratedPart: what people wrote around it stays, and a row that the
// machine does not carry has no figures.
func TestTableReplacesTheGeneratedPart(t *testing.T) {
	t.Parallel()
	row := load.Result{
		Calls: 200, Source: load.Ready20, Window: time.Second, User: 100 * time.Millisecond, Floor: time.Millisecond / 4,
		Arrived: remote.Report{Window: time.Second, Packets: 10000, Sound: 10000, PacketTime: 20 * time.Millisecond},
	}
	slow := row
	slow.Arrived.Sound = 5000
	table := table{rows: []load.Result{row, slow}, setups: []load.Setup{{Calls: 200}}}
	path := filepath.Join(t.TempDir(), "doc.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600))
	require.NoError(t, replace(path, table.markdown()))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(raw)
	require.True(t, strings.HasPrefix(text, "before\n") && strings.HasSuffix(text, "after\n"), text)
	require.NotContains(t, text, "old\n")
	require.Contains(t, text, "| 200 | ready Opus, 20 ms | 0 | 0.50 | 0.50 / 0 | 2.00 | 2000 | 10.0 | 0 |")
	require.Contains(t, text, "does not carry it: 50 % of the packets")
	require.Contains(t, table.summary(), "| 0.50 ms | 2000 |")
}
