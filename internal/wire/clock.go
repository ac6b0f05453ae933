package wire

import "time"

// Clock is the wall clock of a connection: the wall time of its epoch plus what the
// monotonic clock has counted since. Every time that is sent is read from it: a step of
// the system clock would tear RTP, NTP and send times apart.
type Clock struct {
	epoch time.Time // has a monotonic reading
	wall  time.Time // of the epoch
}

// NewClock returns a clock whose epoch is now.
func NewClock() Clock {
	now := time.Now()
	return Clock{epoch: now, wall: now.Round(0)}
}

// ntp returns an instant as seconds since 1900, 32.32 fixed point (RFC 3550
// section 4).
func (c Clock) ntp(at time.Time) uint64 {
	const from1900 = 2208988800 // seconds from 1900 to 1970
	wall := c.wall.Add(at.Sub(c.epoch))
	sec := uint64(wall.Unix() + from1900)
	frac := uint64(wall.Nanosecond()) << 32 / uint64(time.Second)
	return sec<<32 | frac
}
