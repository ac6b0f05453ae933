//go:build unix

package proc

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/models"
)

// start runs a script and cleans up after it.
func start(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", script}})
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Kill()
		_ = p.Wait()
		p.Stdout().Close()
	})
	return p
}

// readLine reads one line of the process's output.
func readLine(t *testing.T, p *Process) string {
	t.Helper()
	line, err := bufio.NewReader(p.Stdout()).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

// within fails the test when f takes longer than a hang would.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("not done within %v", d)
	}
}

func TestWaitReportsHowTheProcessEnded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		want         *models.FFmpegError
	}{
		{"success", "exit 0", nil},
		{"exit status", "echo one >&2; echo two >&2; exit 3", &models.FFmpegError{ExitCode: 3, Stderr: "one\ntwo"}},
		{"no newline", "printf end >&2; exit 1", &models.FFmpegError{ExitCode: 1, Stderr: "end"}},
		{"signal", "kill -KILL $$", &models.FFmpegError{ExitCode: -1, Signal: "killed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := start(t, test.script).Wait()
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			var got *models.FFmpegError
			require.ErrorAs(t, err, &got)
			require.Equal(t, test.want, got)
		})
	}
}

func TestWaitServesAnyNumberOfCallers(t *testing.T) {
	t.Parallel()
	p := start(t, "exit 7")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Add(1)
		go func() { defer wg.Done(); errs[i] = p.Wait() }()
	}
	wg.Wait()
	for _, err := range errs {
		require.Equal(t, errs[0], err)
		require.Error(t, err)
	}
}

func TestOutputSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	p := start(t, "head -c 60000 /dev/zero")
	require.NoError(t, p.Wait())
	got, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	require.Len(t, got, 60000)
}

func TestWordsHaveNoColours(t *testing.T) {
	t.Setenv("AV_LOG_FORCE_COLOR", "1")
	p := start(t, `ffmpeg -hide_banner -nostdin -i /nonexistent`)
	var failure *models.FFmpegError
	require.ErrorAs(t, p.Wait(), &failure)
	require.NotContains(t, failure.Stderr, "\x1b")
}

func TestStandardInputIsEmpty(t *testing.T) {
	t.Parallel()
	p := start(t, "cat; echo end")
	require.Equal(t, "end", readLine(t, p))
	require.NoError(t, p.Wait())
}

func TestStartReportsAMissingProgram(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/nonexistent/ffmpeg", "no-such-program-here", "", "/"} {
		_, err := Start(Config{Path: path})
		require.ErrorIs(t, err, models.ErrFFmpegSpawn, path)
	}
}

func TestKillEndsAProcessThatIgnoresSIGTERM(t *testing.T) {
	t.Parallel()
	p := start(t, "trap '' TERM INT HUP; echo up; while :; do sleep 60; done")
	readLine(t, p)
	p.Kill()
	p.Kill()
	var failure *models.FFmpegError
	within(t, 5*time.Second, func() { require.ErrorAs(t, p.Wait(), &failure) })
	require.Equal(t, "killed", failure.Signal)
	p.Kill()
}

func TestKillEndsGrandchildrenThatHoldThePipes(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 600 & echo $!; wait")
	grandchild, err := strconv.Atoi(readLine(t, p))
	require.NoError(t, err)
	p.Kill()
	within(t, 5*time.Second, func() {
		_ = p.Wait()
		_, _ = io.Copy(io.Discard, p.Stdout()) // ends when nobody holds the pipe
	})
	requireDead(t, grandchild)
}

func TestProcessLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("cannot wait without reaping here")
	}
	p := start(t, "sleep 600 & echo $!")
	grandchild, err := strconv.Atoi(readLine(t, p))
	require.NoError(t, err)
	within(t, 5*time.Second, func() { require.NoError(t, p.Wait()) })
	requireDead(t, grandchild)
}

func TestWaitOutlivesADaemonThatHoldsStandardError(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		t.Skip("no setsid here")
	}
	p := start(t, "exec 3>&1 >/dev/null; setsid sleep 600 3>&- & echo $! >&3")
	daemon, err := strconv.Atoi(readLine(t, p))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(daemon, syscall.SIGKILL) })
	within(t, 10*time.Second, func() { _ = p.Wait() })
}

func TestCloseOfStdoutInterruptsARead(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 600")
	read := make(chan error, 1)
	go func() {
		_, err := p.Stdout().Read(make([]byte, 1))
		read <- err
	}()
	require.NoError(t, p.Stdout().Close())
	require.ErrorIs(t, <-read, os.ErrClosed)
}

func TestStderrTailIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i" >&2; i=$((i+1)); done
		head -c 100000 /dev/zero | tr '\0' x >&2; echo >&2; echo last >&2; exit 1`)
	var failure *models.FFmpegError
	require.ErrorAs(t, p.Wait(), &failure)
	require.LessOrEqual(t, len(failure.Stderr), maxTail)
	lines := strings.Split(failure.Stderr, "\n")
	require.Equal(t, "last", lines[len(lines)-1])
	require.Regexp(t, `^x{500,} … x{500,}$`, lines[len(lines)-2])
	require.LessOrEqual(t, len(lines[len(lines)-2]), maxLine)
	require.Regexp(t, `^line \d+$`, lines[0], "whole lines only")
}

func TestOnStderrSeesEveryLineInOrder(t *testing.T) {
	t.Parallel()
	var got []string
	p, err := Start(Config{
		Path: "/bin/sh", Args: []string{"-c", `printf 'a\rb\r\n\nc' >&2`},
		OnStderr: func(line string) string { got = append(got, line); return line },
	})
	require.NoError(t, err)
	defer p.Stdout().Close()
	require.NoError(t, p.Wait())
	require.Equal(t, []string{"a", "b"}, got[:2])
}

func TestAddressesAreNotKept(t *testing.T) {
	t.Parallel()
	var seen string
	p, err := Start(Config{
		Path: "/bin/sh", Args: []string{"-c", "echo '[a @ 0x55d0c1a4f7c0] [b @ 000001c8f7a2] no @ 0x5 [c @ home]' >&2; exit 1"},
		OnStderr: func(line string) string { seen = line; return line },
	})
	require.NoError(t, err)
	defer p.Stdout().Close()
	require.EqualError(t, p.Wait(), "ffmpeg: exit status 1: [a] [b] no @ 0x5 [c @ home]")
	require.Contains(t, seen, "0x55d0c1a4f7c0")
}

func TestOnStderrSeesAWholeLongLineAndItsEndsAreKept(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s3cret", 1000)
	line := "http://host/" + secret + "é: Server returned 403 Forbidden" + strings.Repeat("é", 700) + ": why"
	var got string
	p, err := Start(Config{
		Path: "/bin/sh", Args: []string{"-c", "cat >&2; exit 1"}, Stdin: fileOf(t, line),
		OnStderr: func(line string) string {
			got = line
			return strings.ReplaceAll(line, secret, "")
		},
	})
	require.NoError(t, err)
	defer p.Stdout().Close()
	var failure *models.FFmpegError
	require.ErrorAs(t, p.Wait(), &failure)
	require.Equal(t, line, got)
	require.NotContains(t, failure.Stderr, "s3")
	require.Regexp(t, `^http://host/é: Server returned 403 Forbiddené+ … é+: why$`, failure.Stderr)
	require.LessOrEqual(t, len(failure.Stderr), maxLine)
}

// fileOf is an open file of some content.
func fileOf(t *testing.T, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestProcessesLeaveNoFileDescriptors(t *testing.T) {
	before := openFiles(t)
	for range 20 {
		p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "echo x; echo y >&2; exit 1"}})
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, p.Stdout())
		require.NoError(t, err)
		require.Error(t, p.Wait())
		require.NoError(t, p.Stdout().Close())
		_, err = Start(Config{Path: "/nonexistent"})
		require.Error(t, err)
	}
	require.LessOrEqual(t, openFiles(t), before)
}

// requireDead waits for a killed process that is not our child to be gone or a
// zombie of whoever inherited it.
func requireDead(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 5*time.Millisecond)
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(fds)
}

func TestInputAndFurtherDescriptors(t *testing.T) {
	t.Parallel()
	pipe := func(text string) *os.File {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = w.WriteString(text)
		require.NoError(t, err)
		w.Close()
		return r
	}
	input, further := pipe("in"), pipe("further")
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "cat; cat /dev/fd/3"}, Stdin: input, Files: []*os.File{further}})
	require.NoError(t, err)
	input.Close()
	further.Close()
	out, err := io.ReadAll(p.Stdout())
	require.NoError(t, err)
	require.Equal(t, "infurther", string(out))
	require.NoError(t, p.Wait())
	p.Stdout().Close()
}

func TestProgramsAndWhatTheyStartAreNicer(t *testing.T) {
	t.Parallel()
	own, err := exec.Command("nice").Output()
	if err != nil {
		t.Skip("no nice here")
	}
	want, err := strconv.Atoi(strings.TrimSpace(string(own)))
	require.NoError(t, err)
	hold, release, err := os.Pipe()
	require.NoError(t, err)
	defer release.Close()
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "read go; nice"}, Stdin: hold})
	require.NoError(t, err)
	defer p.Stdout().Close()
	hold.Close()
	require.NoError(t, release.Close())
	got, err := strconv.Atoi(readLine(t, p))
	require.NoError(t, err)
	require.Equal(t, min(want+5, 19), got)
	require.NoError(t, p.Wait())
}
