//go:build unix && !linux

package proc

import "syscall"

// lowerPriority makes the group of a process nicer than this process by niceness. It does
// nothing where that is not allowed.
func lowerPriority(pid int) {
	if own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, own+niceness)
	}
}
