//go:build !linux && !darwin

package files

import "math"

// free reports a disk without end: the quota alone bounds the files here.
func free(string) (int64, error) { return math.MaxInt64, nil }
