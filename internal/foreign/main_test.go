package foreign

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program finds one of several programs, or skips the test. CI sets FOREIGN_REQUIRED,
// and has them all.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "none of %q is installed", names)
	return ""
}

func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("FOREIGN_REQUIRED") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
