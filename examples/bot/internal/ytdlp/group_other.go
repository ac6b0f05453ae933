//go:build !unix

package ytdlp

import "os/exec"

// inGroup leaves a command as it is: it is killed alone here.
func inGroup(*exec.Cmd) {}

// killGroup does nothing.
func killGroup(int) {}
