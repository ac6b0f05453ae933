package gotgcall_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeSnippetsAreExamples: each Go snippet of the README is, line by line,
// part of an example that is compiled and run.
func TestReadmeSnippetsAreExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	code := unindented(string(examples))
	snippets := strings.Split(string(readme), "```go\n")[1:]
	require.NotEmpty(t, snippets)
	for _, s := range snippets {
		snippet, _, ok := strings.Cut(s, "```")
		require.True(t, ok)
		require.Contains(t, code, unindented(snippet))
	}
	require.LessOrEqual(t, strings.Count(string(readme), "\n"), 150)
}

func unindented(code string) string {
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
