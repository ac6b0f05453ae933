//go:build !unix

package gotgcall_test

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }

// childrenTime is not known here.
func childrenTime() time.Duration { return 0 }
