//go:build !unix

package studio

import "time"

// processorTime is not known.
func processorTime() (time.Duration, bool) { return 0, false }
