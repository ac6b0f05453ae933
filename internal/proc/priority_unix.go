//go:build unix

package proc

import (
	"runtime"
	"syscall"
)

// lowerPriority makes a process and all in its group nicer than this process by
// niceness. It does nothing where that is not allowed.
func lowerPriority(pid int) {
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return
	}
	if runtime.GOOS == "linux" {
		own = 20 - own // as the system call returns it there
	}
	// The group, as it takes in the threads and children there may be by now.
	_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, own+niceness)
}
