//go:build soak

package scenario

import "time"

// The size of the soak; DURATION and SEED of the environment change it.
const (
	soakChats    = 20
	soakAccounts = 5
	soakLength   = 30 * time.Minute
	soakAlone    = true // no other test runs, so that the process can be measured
)
