package bot

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	m := newTable().help()
	golden(t, "help.txt", m.Text+"\n")
	require.Less(t, telegram.Units(m.Text), telegram.MaxText)
	for _, e := range m.Entities[1:] {
		require.Equal(t, telegram.Code, e.Kind)
		require.True(t, strings.HasPrefix(part(m.Text, e), "/"))
	}
}

// part returns the part of a text that an entity marks; the text is of one unit a rune.
func part(text string, e telegram.Entity) string {
	return string([]rune(text)[e.Offset : e.Offset+e.Length])
}

func TestTheMenuHasEveryCommandOnce(t *testing.T) {
	t.Parallel()
	table := newTable()
	names := map[string]bool{}
	for _, c := range table {
		for _, name := range append([]string{c.name}, c.also...) {
			require.False(t, names[name], name)
			names[name] = true
			require.Same(t, c, table.find(name))
		}
	}
	menu := table.menu()
	require.Len(t, menu, 20)
	for _, e := range menu {
		require.Regexp(t, `^[a-z]{1,32}$`, e.Command)
		require.Regexp(t, `^[A-Z].{2,255}$`, e.Description)
	}
	for _, verb := range []string{"back", "rewind", "toggle", "forward", "skip", "loop", "shuffle", "queue", "stop", "cancel"} {
		require.NotNil(t, table.find(verb), verb)
		require.True(t, onCard(verb))
	}
	require.Nil(t, table.find("nothing"))
}

func TestParseCommand(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"/play":                 {"play", ""},
		"/PLAY  a  b ":          {"play", "a  b"},
		"/play@DJ_Bot\nline":    {"play", "line"},
		"/play\u00A0x":          {"play", "x"},
		"/play@":                {},
		"/play@other x":         {},
		"play":                  {},
		"/":                     {},
		"//":                    {"/", ""},
		"  /skip 2":             {"skip", "2"},
		"/play /etc/passwd":     {"play", "/etc/passwd"},
		"/play@dj_bot@dj_bot x": {},
	} {
		name, args, ok := parseCommand(text, "dj_bot")
		require.Equal(t, want[0] != "", ok, text)
		require.Equal(t, want, [2]string{name, args}, text)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"90": 90 * time.Second, "1:30": 90 * time.Second, "1:02:03": 3723 * time.Second, "0:05": 5 * time.Second,
		"1m30s": 90 * time.Second, "+10": 10 * time.Second, "-10": -10 * time.Second, "−1:00": -time.Minute, " 7 ": 7 * time.Second,
		"75:00": 75 * time.Minute,
	} {
		got, relative, ok := parseTime(s)
		require.True(t, ok, s)
		require.Equal(t, want, got, s)
		require.Equal(t, strings.ContainsAny(s, "+-−"), relative, s)
	}
	for _, s := range []string{
		"", "x", "1:", ":1", "1:60", "1:2:3:4", "--1", "+-1", "1e3", "99999999999999999999", "25h", "-", "1:-1", "1:+1", "NaN", "0x10",
	} {
		_, _, ok := parseTime(s)
		require.False(t, ok, s)
	}
}

func TestCards(t *testing.T) {
	t.Parallel()
	song := &queue.Entry{Track: track.Track{
		Title: "Song", Artist: "Artist", Length: 245 * time.Second, Link: "https://example.org/", By: track.User{Name: "Ann"},
	}}
	long := &queue.Entry{Track: track.Track{Title: "\x00", Length: 2 * time.Hour, By: track.User{Name: "\u202E"}}}
	live := &queue.Entry{Track: track.Track{Title: "Radio", Live: true, By: track.User{Name: "Bob"}}}
	var all strings.Builder
	for _, v := range []view{
		{entry: song, phase: playing, at: 83 * time.Second, next: "Other", waiting: 7},
		{entry: song, phase: playing, paused: true, at: 245 * time.Second, loop: queue.All},
		{entry: song, phase: playing, at: 300 * time.Second, loop: queue.Track, muted: true},
		{entry: song, phase: preparing, done: 12_300_000, total: 45_600_000},
		{entry: song, phase: preparing, done: 1_000_000},
		{entry: song, phase: preparing},
		{entry: song, phase: waiting, trouble: []string{"", "There is no video chat.\nStart one."}},
		{entry: song, phase: held, at: time.Minute},
		{entry: long, phase: playing, at: 3723 * time.Second},
		{entry: live, phase: playing, at: 10 * time.Second},
		{trouble: []string{"Other: It cannot be played."}},
	} {
		m := v.message()
		all.WriteString(m.Text + "\n")
		for _, row := range m.Buttons {
			for _, b := range row {
				all.WriteString("[" + b.Text + " " + b.Data + "] ")
			}
			all.WriteString("\n")
		}
		all.WriteString("\n")
	}
	golden(t, "cards.txt", all.String())
}

func TestABarStaysWithinItsCells(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{-time.Hour, 0, 1, time.Minute, time.Hour, 24 * time.Hour} {
		require.Len(t, []rune(bar(at, time.Minute)), barCells)
	}
}
