//go:build unix

package proc

import (
	"os"
	"syscall"
)

// groupAttr makes the child the leader of a new process group.
func groupAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills the group that the process leads. The process must not have
// been reaped.
func killGroup(p *os.Process) {
	// The only failure is an empty group: there is nothing left to kill.
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
