package remote

import (
	"math"
	"slices"
	"time"

	"github.com/pion/rtp"
)

// arrivals is what has arrived of a call.
type arrivals struct {
	audio    bool // has ever arrived
	sequence uint16
	size     int // of the last sound

	mark *mark // what First waits for, or nil

	recording bool
	packets   int // of all streams, while recording
	bytes     int
	sound     []received
}

// received is one packet of sound.
type received struct {
	at        int64 // nanoseconds of the wall clock
	timestamp uint32
}

// mark waits for the first packet of another source: one of pictures, or one of sound that is
// not as long as those before.
type mark struct {
	unlike int
	first  chan time.Time
}

func (a *arrivals) add(h *rtp.Header, size int, audio bool, at time.Time) {
	if m := a.mark; m != nil && (!audio || size != m.unlike) {
		m.first <- at
		a.mark = nil
	}
	if audio {
		a.audio, a.sequence, a.size = true, h.SequenceNumber, size
	}
	if !a.recording {
		return
	}
	a.packets++
	a.bytes += size
	if audio {
		a.sound = append(a.sound, received{at.UnixNano(), h.Timestamp})
	}
}

// Report is what arrived in a window of time, from all calls.
type Report struct {
	Window         time.Duration
	Packets, Sound int // RTP packets without padding, and those of sound
	Bytes          int
	PacketTime     time.Duration // of most packets of sound; 0 without sound
	// Late is how much later than the earliest of its call, each against the media clock, a
	// packet of sound arrived: 50 %, 99 % and all of them at most.
	LateP50, LateP99, LateMax time.Duration
}

// record begins a window.
func (s *server) record() {
	s.recording = time.Now()
	for _, c := range s.list() {
		c.mu.Lock()
		c.arrivals.recording, c.arrivals.packets, c.arrivals.bytes = true, 0, 0
		c.arrivals.sound = make([]received, 0, 1024)
		c.mu.Unlock()
	}
}

// report ends a window.
func (s *server) report() (r Report) {
	r.Window = time.Since(s.recording)
	var late []time.Duration
	steps := map[uint32]int{}
	for _, c := range s.list() {
		c.mu.Lock()
		c.arrivals.recording = false
		r.Packets += c.arrivals.packets
		r.Bytes += c.arrivals.bytes
		sound := c.arrivals.sound
		c.arrivals.sound = nil
		c.mu.Unlock()
		r.Sound += len(sound)
		for i := range sound[min(1, len(sound)):] {
			steps[sound[i+1].timestamp-sound[i].timestamp]++
		}
		late = append(late, lateness(sound)...)
	}
	most := 0
	for step, n := range steps {
		if n > most {
			most, r.PacketTime = n, mediaTime(step)
		}
	}
	if len(late) > 0 {
		slices.Sort(late)
		r.LateP50, r.LateP99, r.LateMax = late[len(late)/2], late[len(late)*99/100], late[len(late)-1]
	}
	return r
}

// mediaTime is a duration on the clock of Opus (RFC 7587 section 4.1).
func mediaTime(ticks uint32) time.Duration { return time.Duration(ticks) * time.Second / 48000 }

// lateness returns the arrivals against the media clock, from the earliest.
func lateness(sound []received) []time.Duration {
	if len(sound) == 0 {
		return nil
	}
	late := make([]time.Duration, len(sound))
	least := time.Duration(math.MaxInt64)
	for i, p := range sound {
		due := time.Duration(int32(p.timestamp-sound[0].timestamp)) * time.Second / 48000
		late[i] = time.Duration(p.at-sound[0].at) - due
		least = min(least, late[i])
	}
	for i := range late {
		late[i] -= least
	}
	return late
}
