package oracle

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// sendTimeCycle is where the 24 bits of abs-send-time, 6.18 seconds, wrap.
	sendTimeCycle = 64 * time.Second
	// A window of send times is judged by its quickest packet, so it needs some of them.
	sendTimeWindow  = 2 * time.Second
	sendTimePackets = 10
	// sendTimeTolerance is how far the quickest transits of two windows may be apart: a
	// clock of half the pace makes a second of it, a machine with hundreds of calls on
	// two cores 0.4 s.
	sendTimeTolerance = 750 * time.Millisecond
)

// sendTimes follows what abs-send-time says of all the packets of a transport, which
// have one clock.
type sendTimes struct {
	start   time.Time // of the window
	packets int
	// quickest is the least transit in the window, before the one in the window before.
	// Both are relative to the first packet's, within half a cycle.
	first, quickest, before time.Duration
	started, judging        bool
}

// checkSendTime wants abs-send-time to move as the time of sending does: a server that
// estimates bandwidth by it is blind otherwise.
func (o *Oracle) checkSendTime(h *rtp.Header, at time.Time) {
	ext := h.GetExtension(extAbsSendTime)
	if len(ext) != 3 {
		return // checkExtensions reports it
	}
	stamp := time.Duration(uint32(ext[0])<<16|uint32(ext[1])<<8|uint32(ext[2])) * time.Second >> 18
	transit := time.Duration(at.UnixNano())%sendTimeCycle - stamp
	w := &o.sendTimes
	if !w.started {
		*w = sendTimes{first: transit, start: at, started: true}
	}
	transit = inCycle(transit - w.first)
	if w.packets == 0 || transit < w.quickest {
		w.quickest = transit
	}
	w.packets++
	if w.packets < sendTimePackets || at.Sub(w.start) < sendTimeWindow {
		return
	}
	if off := inCycle(w.quickest - w.before); w.judging && off.Abs() > sendTimeTolerance {
		o.Violate("abs-send-time", "it moved %v less than time did, within %v, as of SSRC %d, sequence number %d",
			off.Round(time.Millisecond), at.Sub(w.start).Round(time.Millisecond), h.SSRC, h.SequenceNumber)
	}
	*w = sendTimes{first: w.first, before: w.quickest, start: at, started: true, judging: true}
}

// inCycle is d modulo sendTimeCycle, between plus and minus half of it.
func inCycle(d time.Duration) time.Duration {
	d %= sendTimeCycle
	switch {
	case d >= sendTimeCycle/2:
		return d - sendTimeCycle
	case d < -sendTimeCycle/2:
		return d + sendTimeCycle
	}
	return d
}
