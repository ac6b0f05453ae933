package proc

import (
	"os"
	"syscall"
)

// setPipeSize is F_SETPIPE_SZ of fcntl(2), which package syscall does not name.
const setPipeSize = 1031

// resizePipe asks for another size of a pipe. A system that grants none, or has given its
// share of pipe memory away, leaves it as it is.
func resizePipe(pipe *os.File, size int) {
	if size <= 0 {
		return
	}
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, uintptr(size))
	})
}
