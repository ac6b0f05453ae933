package proc

import (
	"syscall"
	"unsafe"
)

// batch is SCHED_BATCH of sched(7): a thread that wakes up does not preempt another. The
// threads of ffmpeg hand each frame on, and each time one would preempt the other, or
// this process.
const batch = 3

// lowerPriority makes a process and its children nicer than this process by niceness, and
// batch jobs. It does nothing where that is not allowed.
func lowerPriority(pid int) {
	var param int32 // sched_param of a policy without priorities
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(pid), batch, uintptr(unsafe.Pointer(&param)))
	own, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return
	}
	// The group, as it takes in the threads and children there may be by now. The
	// system call returns 20 less the niceness.
	_ = syscall.Setpriority(syscall.PRIO_PGRP, pid, 20-own+niceness)
}
