//go:build !linux

package proc

import "os"

// resizePipe does nothing: the size of a pipe cannot be asked for here.
func resizePipe(*os.File, int) {}
