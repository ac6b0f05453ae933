//go:build unix

package usage

import (
	"syscall"
	"time"
)

// Own returns the processor time that this process has used, without its children.
func Own() (user, system time.Duration) {
	u := rusage(syscall.RUSAGE_SELF)
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// Children returns the processor time that children have used: those that have ended, and on
// Linux those that run, without the process except.
func Children(except int) time.Duration {
	u := rusage(syscall.RUSAGE_CHILDREN)
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) + running(except)
}

func rusage(who int) (u syscall.Rusage) {
	if err := syscall.Getrusage(who, &u); err != nil {
		return syscall.Rusage{}
	}
	return u
}
