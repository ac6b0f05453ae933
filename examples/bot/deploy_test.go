package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDeploymentNamesSettings finds a misspelt variable in what is deployed.
func TestDeploymentNamesSettings(t *testing.T) {
	t.Parallel()
	var s settings
	table := s.define()
	known := make(map[string]bool)
	for _, r := range table.rows() {
		known[r.env] = true
	}
	for name := range table.secrets {
		known[name] = true
	}
	for _, path := range []string{"README.md", "deploy/Dockerfile", "deploy/compose.yaml", "deploy/gotgcall-bot.service"} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		names := regexp.MustCompile(`\b`+prefix+`[A-Z_]+`).FindAllString(string(content), -1)
		require.NotEmpty(t, names, path)
		for _, name := range names {
			require.True(t, known[name], "%s: %s", path, name)
		}
	}
}
