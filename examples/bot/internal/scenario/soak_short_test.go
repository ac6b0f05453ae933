//go:build !soak

package scenario

import "time"

// The size of the soak that is part of every test run; see make soak.
const (
	soakChats    = 3
	soakAccounts = 2
	soakLength   = 20 * time.Second
	soakAlone    = false
)
