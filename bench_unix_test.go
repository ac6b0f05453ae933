//go:build unix

package gotgcall_test

import (
	"syscall"
	"time"
)

// processorTime is what this process has used.
func processorTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

// childrenTime is what the processes have used that this one has waited for.
func childrenTime() time.Duration { return usage(syscall.RUSAGE_CHILDREN) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
