//go:build unix

package ytdlp

import (
	"os/exec"
	"syscall"
)

// inGroup makes a command the leader of a process group that is killed with it.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		killGroup(cmd.Process.Pid)
		return nil
	}
}

// killGroup kills a process group. An empty one is no error.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }
