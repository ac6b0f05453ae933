package proc

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
	require.False(t, hasExited(cmd.Process.Pid, syscall.WNOHANG))
	require.NoError(t, stdin.Close())
	require.True(t, hasExited(cmd.Process.Pid, 0))
	require.True(t, hasExited(cmd.Process.Pid, syscall.WNOHANG), "it is left to be reaped")
	require.Error(t, cmd.Wait())
	require.False(t, hasExited(cmd.Process.Pid, 0))
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
