//go:build !linux

package source

// mayWait reports whether a read of a file may wait for more than a disk, if that is known.
func mayWait(string) bool { return false }
