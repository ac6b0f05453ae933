// Package ytdlptest makes a yt-dlp for tests that does what a shell script says.
package ytdlptest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fake is a program that stands in for yt-dlp.
type Fake struct {
	Path string
	dir  string
}

// New returns a fake that does what a script for sh says, in terms of $mode ("version",
// "lookup" or "download"), $target and $paths. A version is printed after it, unless it
// sets $version.
func New(t testing.TB, behaviour string) *Fake {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake is a script for sh")
	}
	_, here, _, _ := runtime.Caller(0)
	f := &Fake{dir: t.TempDir()}
	f.Path = filepath.Join(f.dir, "yt-dlp")
	// A link, as a file that was just written may still be open in a process that another
	// test has forked, and cannot be run then.
	require.NoError(t, os.Symlink(filepath.Join(filepath.Dir(here), "fake.sh"), f.Path))
	f.Do(t, behaviour)
	return f
}

// Do changes what it does from the next run on.
func (f *Fake) Do(t testing.TB, behaviour string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "behaviour"), []byte(behaviour+"\n"), 0o600))
}

// Calls returns the arguments of each run, after its mode.
func (f *Fake) Calls(t testing.TB) [][]string {
	t.Helper()
	var all [][]string
	for call := range strings.SplitSeq(f.read(t, "argv"), "== ") {
		if call != "" {
			all = append(all, strings.Split(strings.TrimSuffix(call, "\n"), "\n"))
		}
	}
	return all
}

// Env returns the environment of the latest run of a mode.
func (f *Fake) Env(t testing.TB, mode string) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for line := range strings.Lines(f.read(t, "env."+mode)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

// Dir is a directory beside the fake, which scripts may write to as $here.
func (f *Fake) Dir() string { return f.dir }

func (f *Fake) read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(b)
}
