package mediatest

import (
	"os"
	"syscall"
)

// WriteProgram writes a shell script that can be run at once, also while other
// goroutines start processes: one that is forked while the file is open for writing
// holds it open until it runs its own program, and Linux runs no file that is open for
// writing (ETXTBSY).
func WriteProgram(path, body string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700) //nolint:gosec // it is a program
}
