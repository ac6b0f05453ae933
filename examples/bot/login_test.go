package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/adapters/gogram/session"
)

func TestTerminalAnswersLineByLine(t *testing.T) {
	t.Parallel()
	in, typed, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	_, err = typed.WriteString("+49 151 \n12345\nsecret")
	require.NoError(t, err)
	require.NoError(t, typed.Close())
	var out strings.Builder
	keyboard := terminal{in: in, out: &out}
	for _, want := range []string{"+49 151", "12345", "secret"} {
		got, err := keyboard.ask(t.Context(), session.Question{Text: "What", Secret: want == "secret"})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = keyboard.ask(t.Context(), session.Question{Text: "More"})
	require.Error(t, err, "there is no more")
	require.Contains(t, out.String(), "What: ")
	require.NotContains(t, out.String(), "secret")
}

func TestTerminalGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	in, typed, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	defer typed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = terminal{in: in, out: new(strings.Builder)}.ask(ctx, session.Question{Text: "What"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestLoginTakesTheFirstMissingFile(t *testing.T) {
	t.Parallel()
	there, missing := t.TempDir(), "nowhere.session"
	path, err := settings{sessions: []string{there, missing}}.missing()
	require.NoError(t, err)
	require.Equal(t, missing, path)
}
