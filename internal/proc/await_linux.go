package proc

import (
	"os"
	"syscall"
	"unsafe"
)

const (
	pidfdOpen   = 434 // pidfd_open(2) of Linux 5.3, which package syscall does not name
	idTypePID   = 1   // P_PID of waitid(2)
	siginfoSize = 128 // SI_MAX_SIZE of the kernel's siginfo_t
)

// awaitExit waits until a child has ended and leaves it to be reaped, so that
// its id stays its own. It reports false when the kernel cannot do that, or somebody else
// has reaped the child.
func awaitExit(pid int) bool {
	exited, polled := pollExit(pid)
	if !polled {
		exited, _ = hasExited(pid, 0)
	}
	return exited
}

// pollExit is awaitExit without a thread: the runtime's poller waits. It reports
// polled false where the kernel is too old or a sandbox refuses.
func pollExit(pid int) (exited, polled bool) {
	fd, _, errno := syscall.RawSyscall(pidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return false, false
	}
	// Only a descriptor that does not block is given to the poller.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		_ = syscall.Close(int(fd))
		return false, false
	}
	file := os.NewFile(fd, "pidfd")
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return false, false
	}
	err = raw.Read(func(uintptr) bool {
		var running bool
		exited, running = hasExited(pid, syscall.WNOHANG)
		return !running
	})
	return exited, err == nil
}

// hasExited waits for the end of a child by waitid(2). A child that has neither ended nor
// is running has been reaped.
func hasExited(pid, options int) (exited, running bool) {
	var info [siginfoSize / 8]uint64
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idTypePID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(syscall.WEXITED|syscall.WNOWAIT|options), 0, 0)
		if errno != syscall.EINTR {
			exited = info[0] != 0 // its first word is SIGCHLD, or 0 while the child runs
			return errno == 0 && exited, errno == 0 && !exited
		}
	}
}
