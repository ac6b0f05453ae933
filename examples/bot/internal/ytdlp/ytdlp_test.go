//go:build unix

package ytdlp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/ytdlp/ytdlptest"
)

const page = "https://example.com/watch?v=1"

// find returns a program that does what a script says.
func find(t *testing.T, cfg Config, behaviour string) (*Program, *ytdlptest.Fake) {
	t.Helper()
	fake := ytdlptest.New(t, behaviour)
	cfg.Path = fake.Path
	proxy, err := guard.Listen(guard.Guard{Policy: guardtest.Allow().Policy})
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	return Find(t.Context(), cfg, proxy), fake
}

func workspace(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	return root
}

func download(t *testing.T, p *Program) (string, error) {
	t.Helper()
	return p.Download(t.Context(), page, time.Minute, false, workspace(t))
}

func TestLookupRunsTheMetadataStep(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `[ $mode = version ] || echo '{"_type":"video","webpage_url":"`+page+`","title":"A","uploader":"B","duration":61.5}'`)
	require.NoError(t, p.Err())
	require.Equal(t, MinVersion, p.Version())
	entries, err := p.Lookup(t.Context(), 1, page, 99)
	require.NoError(t, err)
	require.Equal(t, []Entry{{URL: page, Title: "A", Artist: "B", Length: 61500 * time.Millisecond}}, entries)

	call := fake.Calls(t)[1]
	require.Equal(t, strings.Fields("lookup --ignore-config --no-cache-dir --no-warnings --socket-timeout 10 --retries 2 "+
		"--flat-playlist --playlist-items 1:50 -J"), call[:12])
	require.Equal(t, []string{"--", page}, call[len(call)-2:])
}

func TestDownloadRunsTheSecondStep(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `[ $mode = version ] || { echo media >"$paths/1.opus"; echo "$paths/1.opus"; }`)
	dir := workspace(t)
	name, err := p.Download(t.Context(), page, 0, false, dir)
	require.NoError(t, err)
	content, err := dir.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "media\n", string(content))

	call := fake.Calls(t)[1]
	out := filepath.Join(dir.Name(), "out")
	require.Equal(t, append(strings.Fields("download --ignore-config --no-cache-dir --no-exec --no-playlist --no-mtime --no-warnings --newline "+
		"--socket-timeout 10 --retries 2 --max-filesize 500M --match-filters"), "!is_live & duration<?14400",
		"--restrict-filenames", "--paths", out, "-o", "%(id)s.%(ext)s", "-f", wantAudio, "--print", "after_move:filepath"), call[:25])
	require.Equal(t, []string{"--", page}, call[len(call)-2:])

	_, err = p.Download(t.Context(), page, 0, true, workspace(t))
	require.NoError(t, err)
	require.Contains(t, fake.Calls(t)[2], wantVideo)
}

func TestARunHasAnEnvironmentOfItsOwn(t *testing.T) {
	t.Setenv("TELEGRAM_TOKEN", "secret")
	t.Setenv("no_proxy", "*")
	p, fake := find(t, Config{}, `[ $mode = version ] || { echo "$paths/x"; echo x >"$paths/x"; }`)
	_, err := download(t, p)
	require.NoError(t, err)
	env := fake.Env(t, "download")
	proxy := env["https_proxy"]
	require.Regexp(t, `^http://[A-Z2-7]{26}:x@127\.0\.0\.1:\d+$`, proxy)
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ftp_proxy", "all_proxy"} {
		require.Equal(t, proxy, env[name], name)
	}
	for name := range env {
		require.Contains(t, []string{
			"HOME", "TMPDIR", "LANG", "PYTHONDONTWRITEBYTECODE", "PATH", "PWD", "OLDPWD", "SHLVL", "_",
			"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY",
		}, name)
	}
	require.NotEqual(t, os.Getenv("HOME"), env["HOME"])
	require.NoDirExists(t, fake.Env(t, "version")["HOME"])
	require.NotContains(t, strings.Join(fake.Calls(t)[1], " "), env["https_proxy"], "ps shows arguments to everybody")
}

func TestRunsLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runs")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, runPrefix+"1", ".home"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o600))
	p, fake := find(t, Config{Dir: dir}, `[ $mode = version ] || { echo x >"$HOME/left"; echo '{"webpage_url":"`+page+`"}'; }`)
	require.NoError(t, p.Err())
	_, err := p.Lookup(t.Context(), 1, page, 1)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(fake.Env(t, "lookup")["HOME"], dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "other", entries[0].Name())
}

func TestSearchWordsAreNothingElse(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `[ $mode = version ] || echo '{"_type":"playlist","entries":[{"_type":"url","url":"`+page+`","title":"A"}]}'`)
	for _, words := range []string{"a b", "-x", "--exec=touch /tmp/x", "ytsearchall:x", "file:/etc/passwd", "a\x00b\nc", strings.Repeat("ä", 500)} {
		entries, err := p.Search(t.Context(), 1, words)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		calls := fake.Calls(t)
		call := calls[len(calls)-1]
		target := call[len(call)-1]
		require.Equal(t, "--", call[len(call)-2])
		require.True(t, strings.HasPrefix(target, "ytsearch1:"))
		require.LessOrEqual(t, len([]rune(target)), len("ytsearch1:")+maxWords)
		require.NotContains(t, target, "\x00")
	}
}

func TestPlaylistsAreReadLeniently(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		json string
		want []Entry
		err  error
	}{
		"playlist": {`{"_type":"playlist","entries":[
			{"_type":"url","url":"https://a.example/1","title":"1","duration":null},
			{"_type":"url","url":"nothing","webpage_url":"https://a.example/2","title":2,"duration":"3"},
			null,
			{"_type":"url","url":"file:///etc/passwd","title":"3"},
			{"_type":"url","url":"https://a.example/4","is_live":true,"duration":1e300},
			{"_type":"url","url":"https://a.example/5"}]}`, []Entry{
			{URL: "https://a.example/1", Title: "1"}, {URL: "https://a.example/2"}, {URL: "https://a.example/4", Live: true},
		}, nil},
		"empty":   {`{"_type":"playlist","entries":[]}`, nil, ErrNothing},
		"no page": {`{"title":"x"}`, nil, ErrNothing},
		"no JSON": {`WARNING: x`, nil, ErrOutput},
		"array":   {`[]`, nil, ErrOutput},
	} {
		got, err := entries([]byte(c.json), 3)
		require.ErrorIs(t, err, c.err, name)
		require.Equal(t, c.want, got, name)
	}
}

func TestAHangingRunIsKilledWithItsChildren(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{LookupTimeout: time.Second, DownloadTimeout: time.Second},
		`[ $mode = version ] || { sleep 1000 & echo $! >"$here/child"; sleep 1000; }`)
	_, err := p.Lookup(t.Context(), 1, page, 1)
	require.ErrorIs(t, err, ErrTimeout)
	gone(t, fake)
	_, err = download(t, p)
	require.ErrorIs(t, err, ErrTimeout)
	gone(t, fake)
}

func TestCancellingARunKillsIt(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `[ $mode = version ] || { mkfifo "$here/begun"; sleep 1000 & echo $! >"$here/child"; echo x >"$here/begun"; sleep 1000; }`)
	ctx, cancel := context.WithCancel(t.Context())
	dir := workspace(t)
	done := make(chan error)
	go func() {
		_, err := p.Download(ctx, page, 0, false, dir)
		done <- err
	}()
	for { // until it has made the pipe
		if _, err := os.Stat(filepath.Join(fake.Dir(), "begun")); err == nil {
			break
		}
		require.NoError(t, t.Context().Err())
	}
	_, err := os.ReadFile(filepath.Join(fake.Dir(), "begun")) // waits for it to write
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	gone(t, fake)
}

func TestWhatARunLeavesBehindIsKilled(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `[ $mode = version ] || { sleep 1000 & echo $! >"$here/child"; echo x >"$paths/x"; echo "$paths/x"; }`)
	_, err := download(t, p)
	require.NoError(t, err, "the child holds the output open")
	gone(t, fake)
}

// gone checks that a script's child has ended. It may be a zombie until it is reaped.
func gone(t *testing.T, fake *ytdlptest.Fake) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fake.Dir(), "child"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return syscall.Kill(pid, 0) != nil
		}
		return strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, time.Millisecond)
}

func TestOutputIsCapped(t *testing.T) {
	t.Parallel()
	p, _ := find(t, Config{LookupTimeout: time.Hour}, `[ $mode = version ] || exec cat /dev/zero`)
	_, err := p.Lookup(t.Context(), 1, page, 1)
	require.ErrorIs(t, err, ErrOutput)
	require.ErrorContains(t, err, "too much")
}

func TestFailuresSayWhatToDo(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `true`)
	for words, want := range map[string]error{
		"ERROR: [youtube] abc: Sign in to confirm you're not a bot. Use --cookies-from-browser": ErrSignIn,
		"ERROR: Unsupported URL: https://example.com/":                                          ErrUnsupported,
		"ERROR: [youtube] abc: Private video":                                                   nil,
		"ERROR: one\nWARNING: x\nERROR: [youtube] abc: two\n":                                   nil,
	} {
		fake.Do(t, "cat <<'END' >&2\n"+words+"\nEND\nexit 1")
		_, err := p.Lookup(t.Context(), 1, page, 1)
		var failed *FailedError
		require.ErrorAs(t, err, &failed, words)
		if want != nil {
			require.ErrorIs(t, err, want)
		}
		require.NotContains(t, failed.Words, "one")
	}
	fake.Do(t, "exit 3")
	_, err := p.Lookup(t.Context(), 1, page, 1)
	require.ErrorContains(t, err, "exit status 3")
}

func TestUnusablePrograms(t *testing.T) {
	t.Parallel()
	missing := Find(t.Context(), Config{Path: "/nonexistent/yt-dlp"}, nil)
	require.ErrorIs(t, missing.Err(), ErrMissing)
	_, err := missing.Lookup(t.Context(), 1, page, 1)
	require.ErrorIs(t, err, ErrMissing)
	_, err = missing.Download(t.Context(), page, 0, false, nil)
	require.ErrorIs(t, err, ErrMissing)

	for _, version := range []string{"2023.03.04", "2026.07.03", "2026.06.30.232843", "", "yt-dlp"} {
		p, _ := find(t, Config{}, "version="+version)
		var old *VersionError
		require.ErrorAs(t, p.Err(), &old, version)
		require.Equal(t, version, old.Version)
		p, _ = find(t, Config{AnyVersion: true}, "version="+version)
		require.NoError(t, p.Err(), version)
	}
	for _, version := range []string{"2026.07.04", "2026.07.04.232843", "2026.10.01", "2027.01.01"} {
		p, _ := find(t, Config{}, "version="+version)
		require.NoError(t, p.Err(), version)
	}
}

func TestPathsOutsideTheDirectoryAreRefused(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `true`)
	for script, want := range map[string]error{
		`echo /etc/hostname`:                                     ErrOutput,
		`echo "$paths/../../etc/hostname"`:                       ErrOutput,
		`echo x >"$paths/../x"; echo "$paths/../x"`:              ErrOutput,
		`ln -s /etc/hostname "$paths/l"; echo "$paths/l"`:        ErrOutput,
		`ln -s /etc "$paths/l"; echo "$paths/l/hostname"`:        ErrOutput,
		`mkdir "$paths/d"; echo "$paths/d"`:                      ErrOutput,
		`echo "$paths/missing"`:                                  ErrOutput,
		`echo out/x`:                                             ErrOutput,
		`true`:                                                   ErrUnfit,
		`echo x >"$paths/x"; echo "first line"; echo "$paths/x"`: nil,
	} {
		fake.Do(t, script)
		_, err := download(t, p)
		require.ErrorIs(t, err, want, script)
	}
}

func TestCookiesGoWhereTheyBelong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cookies")
	const content = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tA\tsecret\n#HttpOnly_.example.com\tTRUE\t/\tTRUE\t0\tB\tsecret\n"
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	p, fake := find(t, Config{Cookies: file}, `true`)
	require.NoError(t, p.Err())
	fake.Do(t, `case " $* " in *" --cookies $HOME/cookies.txt "*) cmp "$HOME/cookies.txt" `+file+` && touch "$here/seen"; echo changed >"$HOME/cookies.txt" ;; esac; exit 1`)
	for target, want := range map[string]bool{
		"https://www.youtube.com/watch?v=1": true,
		"https://youtu.be/1":                true,
		"https://sub.example.com/":          true,
		"https://notexample.com/":           false,
		"https://example.com.evil.example/": false,
		"https://com/":                      false,
	} {
		os.Remove(filepath.Join(fake.Dir(), "seen"))
		_, err := p.Lookup(t.Context(), 1, target, 1)
		require.Error(t, err)
		if want {
			require.FileExists(t, filepath.Join(fake.Dir(), "seen"), target)
		} else {
			require.NoFileExists(t, filepath.Join(fake.Dir(), "seen"), target)
		}
	}
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, content, string(b), "a run has a copy")

	require.NoError(t, os.Chmod(file, 0o640))
	_, err = p.Lookup(t.Context(), 1, page, 1)
	require.ErrorIs(t, err, ErrCookies)
	require.ErrorIs(t, Find(t.Context(), Config{Cookies: file, Path: fake.Path}, p.proxy).Err(), ErrCookies)
	require.ErrorIs(t, Find(t.Context(), Config{Cookies: file + "x", Path: fake.Path}, p.proxy).Err(), ErrCookies)
}

func TestARunSeesTheWorldThroughTheProxy(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	p, _ := find(t, Config{}, `true`)
	session := p.proxy.Open(guard.Limits{})
	defer session.Close()
	_, value, _ := strings.Cut(session.Env()[0], "=")
	proxy, err := url.Parse(value)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	answer, err := client.Get(canary.URL)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	require.ErrorIs(t, explain(&exec.ExitError{}, "ERROR: Unable to download webpage: HTTP Error 403", session), gotgcall.ErrNotPublic)
}

func TestOneRunPerChatAndTwoInAll(t *testing.T) {
	t.Parallel()
	p, fake := find(t, Config{}, `true`)
	require.NoError(t, p.Err())
	leave, err := p.chats.enter(t.Context(), 7)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Lookup(ctx, 7, page, 1)
	require.ErrorIs(t, err, context.Canceled)
	fake.Do(t, `echo '{"webpage_url":"`+page+`"}'`)
	_, err = p.Lookup(t.Context(), 8, page, 1)
	require.NoError(t, err)
	leave()
	require.Empty(t, p.chats.chats)
	p.places <- struct{}{}
	p.places <- struct{}{}
	_, err = p.Lookup(ctx, 8, page, 1)
	require.ErrorIs(t, err, context.Canceled)
	p.cfg.LookupTimeout = time.Millisecond
	_, err = p.Lookup(t.Context(), 8, page, 1)
	require.ErrorIs(t, err, ErrBusy)
}

func TestDownloadTimeouts(t *testing.T) {
	t.Parallel()
	p := &Program{cfg: Config{DownloadTimeout: 10 * time.Minute}}
	for length, want := range map[time.Duration]time.Duration{
		0: 10 * time.Minute, time.Second: time.Minute, 3 * time.Minute: 6 * time.Minute, time.Hour: 10 * time.Minute, 1 << 62: 10 * time.Minute,
	} {
		require.Equal(t, want, p.downloadTimeout(length), length)
	}
}
