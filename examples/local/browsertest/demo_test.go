package browsertest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	_ "github.com/gotgcall/gotgcall/examples/local/internal/console" // a change of it is one of the program
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// demo is the program, in another process.
type demo struct {
	url    string
	folder string
	cmd    *exec.Cmd
	lines  chan string // what it prints; closed at its end
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "demo")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./examples/local")
	cmd.Dir = filepath.Join("..", "..", "..")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return path
}

// start runs a program that build has built, with a demo folder. It ends with the test.
func start(t *testing.T, path string, args ...string) *demo {
	t.Helper()
	d := &demo{folder: t.TempDir(), lines: make(chan string, 10_000)}
	d.cmd = exec.CommandContext(context.Background(), path, append([]string{"-folder", d.folder}, args...)...)
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.cmd.Start())
	go func() { // ends with the program, which the cleanup ends
		defer close(d.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			d.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			d.end(t)
		}
	})
	for line := range d.lines {
		if url, ok := strings.CutPrefix(line, "hear it at "); ok {
			d.url = url
			return d
		}
	}
	require.FailNow(t, "the demo ended at once")
	return nil
}

// end presses Ctrl-C and returns the last line that the program printed.
func (d *demo) end(t *testing.T) string {
	t.Helper()
	require.NoError(t, d.cmd.Process.Signal(os.Interrupt))
	last := ""
	for line := range d.lines {
		last = line
	}
	require.NoError(t, d.cmd.Wait())
	return last
}
