//go:build !linux

package proc

// awaitExit reports that it cannot wait without reaping. The process is then
// signalled by its id until its Wait has returned, and what it left behind in
// its group is not killed when it ends by itself.
func awaitExit(int) bool { return false }
