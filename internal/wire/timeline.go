package wire

import "time"

// timeline maps wall time to RTP time for the life of a connection. Whatever a
// player does (pauses, stalls, other sources), a frame that is due at an instant has
// that instant's RTP time, so sender reports are exact and both streams agree.
type timeline struct {
	epoch time.Time // has a monotonic reading
	base  uint32    // RTP time of the epoch
	rate  int64     // ticks per second
}

// at returns the RTP time of an instant. It splits seconds off first, so that
// neither a month nor a fraction of a tick is lost.
func (l timeline) at(t time.Time) uint32 {
	d := t.Sub(l.epoch)
	sec, frac := int64(d/time.Second), int64(d%time.Second)
	return l.base + uint32(sec*l.rate+frac*l.rate/int64(time.Second))
}
