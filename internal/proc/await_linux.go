package proc

import (
	"syscall"
	"unsafe"
)

const (
	idTypePID   = 1   // P_PID of waitid(2)
	siginfoSize = 128 // SI_MAX_SIZE of the kernel's siginfo_t
)

// awaitExit waits until a child has ended and leaves it to be reaped, so that
// its id stays its own. It reports false when the kernel cannot do that.
func awaitExit(pid int) bool {
	var info [siginfoSize / 8]uint64
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idTypePID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return errno == 0
		}
	}
}
