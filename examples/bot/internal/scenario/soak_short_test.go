//go:build !soak

package scenario

import "time"

// The size of the soak that is part of every test run; see make soak.
const (
	soakChats  = 3
	soakLength = 20 * time.Second
	soakSong   = 2 * time.Minute // longer than it can be played
	soakAlone  = false
)
