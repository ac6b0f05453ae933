//go:build !unix

package usage

import "time"

// Own returns 0 here, which no process has used.
func Own() (user, system time.Duration) { return 0, 0 }

// Children returns nothing here.
func Children(int) time.Duration { return 0 }
