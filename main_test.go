package gotgcall_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gotgcall/gotgcall/internal/e2e/subprocess"
)

func TestMain(m *testing.M) {
	subprocess.Main()
	goleak.VerifyTestMain(m)
}
