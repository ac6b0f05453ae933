package proc

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNoThreadWaitsForAProcess(t *testing.T) {
	// The first one starts the threads that starting takes.
	readLine(t, start(t, "echo up; exec sleep 600"))
	before := threads(t)
	var processes []*Process
	for range 50 {
		processes = append(processes, start(t, "echo up; exec sleep 600"))
	}
	for _, p := range processes {
		readLine(t, p)
	}
	require.Less(t, threads(t), before+10)
	for _, p := range processes {
		p.Kill()
	}
	for _, p := range processes {
		require.Error(t, p.Wait())
		require.ErrorIs(t, syscall.Kill(p.cmd.Process.Pid, 0), syscall.ESRCH, "a zombie")
	}
}

// threads is how many threads this process has.
func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}

func TestExitIsAwaitedWithAThreadWherePollingIsRefused(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/sh", "-c", "read x; exit 3")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	state := func(options int) [2]bool {
		exited, running := hasExited(cmd.Process.Pid, options)
		return [2]bool{exited, running}
	}
	require.Equal(t, [2]bool{false, true}, state(syscall.WNOHANG), "it runs")
	require.NoError(t, stdin.Close())
	require.Equal(t, [2]bool{true, false}, state(0), "it has ended")
	require.Equal(t, [2]bool{true, false}, state(syscall.WNOHANG), "it is left to be reaped")
	require.Error(t, cmd.Wait())
	require.Equal(t, [2]bool{false, false}, state(0), "it is gone")
}

// TestWaitEndsForAChildThatSomebodyElseReaps: a program that is the first of its container
// may reap every child there is.
func TestWaitEndsForAChildThatSomebodyElseReaps(t *testing.T) {
	t.Parallel()
	for range 20 {
		p := start(t, "echo up; exec sleep 600")
		readLine(t, p)
		p.Kill()
		// It fails if the process's own waiter comes first.
		_, _ = syscall.Wait4(p.cmd.Process.Pid, nil, 0, nil)
		within(t, 5*time.Second, func() { require.Error(t, p.Wait()) })
	}
}

func TestProgramsDoNotPreemptThisProcess(t *testing.T) {
	t.Parallel()
	hold, release, err := os.Pipe()
	require.NoError(t, err)
	defer release.Close()
	p, err := Start(Config{Path: "/bin/sh", Args: []string{"-c", "read go; cat /proc/self/stat"}, Stdin: hold})
	require.NoError(t, err)
	defer p.Stdout().Close()
	hold.Close()
	require.NoError(t, release.Close())
	fields := strings.Fields(readLine(t, p))
	require.Equal(t, strconv.Itoa(batch), fields[40], "policy of proc_pid_stat(5)")
	require.NoError(t, p.Wait())
}
