package proc

import (
	"os"
	"syscall"
)

// belowNormal is BELOW_NORMAL_PRIORITY_CLASS, which package syscall does not name.
const belowNormal = 0x4000

// groupAttr keeps the child away from the console's Ctrl-C, without a window and at a
// lower priority.
func groupAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | belowNormal,
		HideWindow:    true,
	}
}

// killGroup kills the process. What it started lives on: Windows has no group
// to kill without a job object.
func killGroup(p *os.Process) {
	// The only failure is a process that has ended.
	_ = p.Kill()
}
