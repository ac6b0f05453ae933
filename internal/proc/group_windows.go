package proc

import (
	"os"
	"syscall"
)

// groupAttr keeps the child away from the console's Ctrl-C and without a window.
func groupAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP,
		HideWindow:    true,
	}
}

// killGroup kills the process. What it started lives on: Windows has no group
// to kill without a job object.
func killGroup(p *os.Process) {
	// The only failure is a process that has ended.
	_ = p.Kill()
}
