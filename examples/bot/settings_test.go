package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// given parses arguments and an environment, and returns the variables that were unset.
func given(t *testing.T, args []string, environ ...string) (s settings, rest, unset []string, err error) {
	t.Helper()
	s, rest, err = parseSettings(args, environ, func(name string) { unset = append(unset, name) }, io.Discard)
	return s, rest, unset, err
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, rest, unset, err := given(t, nil, "PATH=/bin", "HOME=/home/x")
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Empty(t, unset)
	require.Equal(t, []string{filepath.Join("data", "user.session")}, s.sessions)
	require.Equal(t, 5*time.Minute, s.service.Times.Alone)
	require.Equal(t, int64(300<<20), s.service.MaxFile)
	require.Equal(t, 50, s.service.Pages.MaxItems)
	require.Nil(t, s.service.Policy, "the service has one")
	require.ErrorContains(t, s.check(), "my.telegram.org")
}

func TestArgumentsOutrankTheEnvironment(t *testing.T) {
	t.Parallel()
	s, rest, _, err := given(t, []string{"-queue", "7", "login", "-session", "a, b"},
		"GOTGCALL_QUEUE=8", "GOTGCALL_QUEUE_USER=3", "GOTGCALL_OWNER=1,2", "GOTGCALL_MAX_FILE=1g", "GOTGCALL_LOG=debug",
		"GOTGCALL_START_CALLS=true", "GOTGCALL_IDLE=", "GOTGCALL_DATA=/var/lib/bot")
	require.NoError(t, err)
	require.Equal(t, []string{"login"}, rest)
	require.Equal(t, []string{"a", "b"}, s.sessions)
	require.Equal(t, 7, s.service.Limits.Queue.Entries)
	require.Equal(t, 3, s.service.Limits.Queue.PerUser)
	require.Equal(t, []int64{1, 2}, s.service.Owners)
	require.Equal(t, int64(1<<30), s.service.MaxFile)
	require.Equal(t, slog.LevelDebug, s.logLevel)
	require.True(t, s.service.StartCalls)
	require.Equal(t, 3*time.Minute, s.service.Times.Empty, "an empty variable is none")
}

func TestSecretsComeByFileOrVariable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("1:file\n"), 0o600))
	for _, c := range []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"variable", nil, []string{"GOTGCALL_BOT_TOKEN= 1:variable "}, "1:variable"},
		{"variable with a file", nil, []string{"GOTGCALL_BOT_TOKEN_FILE=" + file}, "1:file"},
		{"argument", []string{"-bot-token-file", file}, []string{"GOTGCALL_BOT_TOKEN=1:variable"}, "1:file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _, unset, err := given(t, c.args, c.environ...)
			require.NoError(t, err)
			require.Equal(t, c.want, s.botToken)
			for _, v := range c.environ {
				if name, _, _ := strings.Cut(v, "="); name == "GOTGCALL_BOT_TOKEN" {
					require.Equal(t, []string{name}, unset, "programs that the bot starts do not get it")
				}
			}
			require.NotContains(t, fmt.Sprint(s), "1:")
			require.NotContains(t, fmt.Sprintf("%v", s), "1:")
		})
	}
	_, _, _, err := given(t, []string{"-bot-token", "1:argument"})
	require.ErrorContains(t, err, "not defined", "others on the machine see arguments")
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for want, c := range map[string]struct {
		args    []string
		environ []string
	}{
		"GOTGCALL_BOTTOKEN is no setting": {nil, []string{"GOTGCALL_BOTTOKEN=x"}},
		"GOTGCALL_QUEUE: parse error":     {nil, []string{"GOTGCALL_QUEUE=x"}},
		"no size such as 300M":            {[]string{"-max-file", "300X"}, nil},
		"-1 is no size":                   {[]string{"-max-file", "-1"}, nil},
		"9999999999G\" is no size":        {[]string{"-disk", "9999999999G"}, nil},
		"-queue must be more":             {[]string{"-queue", "0"}, nil},
		"-alone must be more":             {[]string{"-alone", "-1s"}, nil},
		"is no id of a user":              {[]string{"-owner", "@me"}, nil},
		"address of this machine":         {[]string{"-metrics", "0.0.0.0:9100"}, nil},
		"want an address of this":         {[]string{"-metrics", "localhost:9100"}, nil},
		"want a list such as":             {[]string{"-ports", "80-"}, nil},
		"is empty":                        {[]string{"-bot-token-file", empty}, nil},
		"no such file":                    {nil, []string{"GOTGCALL_API_HASH_FILE=/nowhere"}},
	} {
		_, _, _, err := given(t, c.args, c.environ...)
		require.Error(t, err, want)
		require.Contains(t, strings.ReplaceAll(err.Error(), `"-1"`, "-1"), want)
	}
}

var update = flag.Bool("update", false, "write the table of settings into README.md")

// TestReadmeListsTheSettings compares README.md with the flags. After a change run
//
//	go test -run TestReadmeListsTheSettings . -update
func TestReadmeListsTheSettings(t *testing.T) {
	t.Parallel()
	var s settings
	var table strings.Builder
	table.WriteString("| argument | variable | |\n|---|---|---|\n")
	for _, r := range s.define().rows() {
		usage := r.usage
		if r.standard != "" {
			usage += " (" + r.standard + ")"
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", r.flag, r.env, usage)
	}
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	const begin, end = "<!-- settings -->\n", "<!-- end of settings -->\n"
	before, rest, ok := strings.Cut(string(readme), begin)
	require.True(t, ok)
	listed, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+begin+table.String()+end+after), 0o644))
		return
	}
	require.Equal(t, table.String(), listed)
}

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	_, _, err := parseSettings([]string{"-h"}, nil, func(string) {}, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	lines := strings.Split(out.String(), "\n")
	require.Less(t, len(lines), 40)
	for _, l := range lines {
		require.Less(t, len(l), 140, l)
	}
	require.Contains(t, out.String(), "-api-id number")
}
