package record

import "time"

const (
	// anchorWindow is how long the arrivals of a spurt are watched before it is placed:
	// the packet that was delayed least tells when it began.
	anchorWindow = 200 * time.Millisecond
	// spurtGap is the least silence on the network after which a spurt begins.
	spurtGap = 200 * time.Millisecond
	// jump is how far RTP time may run away from arrival within a spurt. What is
	// further away comes from a sender that began again with the same SSRC.
	jump = time.Second
	// driftWindow is how long the least delay is looked for while a spurt lasts.
	driftWindow = 5 * time.Second
	// quietDrift is how far off a spurt may be before it is moved in its silence: less than
	// the half of a usual packet.
	quietDrift = 8 * time.Millisecond
	// loudDrift is how far off a spurt is moved in the middle of sound. Clocks that
	// differ by 100 ppm drift so far apart in two and a half minutes.
	loudDrift = 15 * time.Millisecond
)

// timeline places the packets of one SSRC on the clock of a recording: by RTP time
// within a spurt, and by arrival from spurt to spurt. RTP time alone runs away with the
// sender's clock, and stands still while some senders are muted; arrival alone would
// put the jitter of the network into the file.
type timeline struct {
	spurt   *spurt        // that is being received; nil before the first packet
	raw     uint32        // RTP time of the packet added last
	time    time.Duration // the same, extended
	arrival time.Duration // of that packet
	offset  time.Duration // of position less RTP time, for the packet placed last
	placed  bool          // a packet has been
}

// spurt is a run of packets that follow one another without a gap in their arrival.
type spurt struct {
	began  time.Duration // arrival of the first packet
	delay  least         // arrival less RTP time, of the anchor window
	placed bool          // its first packet has been
	since  time.Duration // when the drift window began
	recent [2]least      // of the drift window, and of the one before
}

// least is the least of some durations.
type least struct {
	value time.Duration
	known bool
}

func (l *least) add(d time.Duration) {
	if !l.known || d < l.value {
		*l = least{d, true}
	}
}

// stamp is a packet's place in a timeline.
type stamp struct {
	spurt *spurt
	time  time.Duration // RTP time, extended
}

// add takes the times of the next packet, in the order of the sender.
func (t *timeline) add(rtpTime uint32, arrival time.Duration) stamp {
	step := samples(int64(int32(rtpTime - t.raw)))
	gap := arrival - t.arrival
	if t.spurt == nil || gap >= spurtGap || (step-gap).Abs() > jump {
		t.spurt = &spurt{began: arrival, since: arrival}
	}
	t.raw, t.time, t.arrival = rtpTime, t.time+step, arrival
	t.spurt.add(arrival, arrival-t.time)
	return stamp{t.spurt, t.time}
}

func (s *spurt) add(arrival, delay time.Duration) {
	if arrival-s.began <= anchorWindow {
		s.delay.add(delay)
	}
	if arrival-s.since > driftWindow {
		s.since, s.recent = arrival, [2]least{{}, s.recent[0]}
	}
	s.recent[0].add(delay)
}

// settled reports whether the place of a packet is final at an instant.
func (t *timeline) settled(s stamp, now time.Duration) bool {
	return s.spurt != t.spurt || now-s.spurt.began > anchorWindow
}

// place returns the position of a packet that is settled. Packets are placed in the
// order in which they were added. A quiet one may be moved.
func (t *timeline) place(s stamp, quiet bool) time.Duration {
	if !s.spurt.placed {
		s.spurt.placed = true
		t.moveTo(s.spurt.delay.value, quietDrift)
	}
	if before := s.spurt.recent[1]; before.known {
		before.add(s.spurt.recent[0].value)
		if quiet {
			t.moveTo(before.value, quietDrift)
		} else {
			t.moveTo(before.value, loudDrift)
		}
	}
	return s.time + t.offset
}

// moveTo sets the offset if it is further off than it may be.
func (t *timeline) moveTo(offset, most time.Duration) {
	if !t.placed || (offset-t.offset).Abs() > most {
		t.placed, t.offset = true, offset
	}
}

// samples returns how long a number of samples at 48 kHz lasts.
func samples(n int64) time.Duration { return time.Duration(n * 62500 / 3) }

// samplesIn returns how many samples at 48 kHz a time has.
func samplesIn(d time.Duration) int64 { return d.Microseconds() * 6 / 125 }
