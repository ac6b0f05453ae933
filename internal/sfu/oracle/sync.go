package oracle

import (
	"math"
	"time"
)

const (
	// A window of sender reports is judged by its quickest packets and reports, so it
	// needs some of them.
	syncWindow  = 3 * time.Second
	syncReports = 3
	syncPackets = 20
	// lipTolerance is how far the reports may put sound and picture apart: ITU-R
	// BT.1359 puts detection at 45 ms.
	lipTolerance = 60 * time.Millisecond
	// lateTolerance is how long after its RTP time, as the reports tell it, the
	// quickest packet may be sent, and earlyTolerance how long before: there are few
	// reports to find the quickest of on a busy machine.
	lateTolerance  = 400 * time.Millisecond
	earlyTolerance = time.Second
	// wallTolerance is how far the clocks of two SSRCs' reports may be apart,
	// epochTolerance theirs and ours.
	wallTolerance  = 200 * time.Millisecond
	epochTolerance = 24 * time.Hour
)

// syncWatch compares the RTP times of packets with the line that sender reports draw
// (RFC 3550 §6.4.1), which is all a receiver has to put sound and picture together. All
// times are those at our socket, before our own network.
type syncWatch struct {
	start   time.Time // of the window
	streams map[*stream]*syncLine
}

// syncLine is one SSRC in a window. Times are relative to the stream's origin.
type syncLine struct {
	origin syncOrigin

	packets, reports int
	packet           time.Duration // least arrival - media time of a packet
	line             time.Duration // least NTP time - media time of a report
	report           time.Duration // least arrival - NTP time of a report
}

// lag is how long after its RTP time the quickest packet was sent, by the reports; only
// differences mean something.
func (l *syncLine) lag() time.Duration { return l.packet - l.line }

// syncOrigin is where a stream's RTP time counts from.
type syncOrigin struct {
	set bool
	at  time.Time
	rtp uint32
}

func (o *syncOrigin) media(timestamp uint32, clock float64) time.Duration {
	return time.Duration(float64(int32(timestamp-o.rtp)) / clock * float64(time.Second))
}

func (w *syncWatch) of(s *stream, timestamp uint32, at time.Time) *syncLine {
	if w.streams == nil {
		w.streams = map[*stream]*syncLine{}
	}
	l := w.streams[s]
	if l == nil {
		l = &syncLine{}
		w.streams[s] = l
	}
	if !l.origin.set {
		l.origin = syncOrigin{set: true, at: at, rtp: timestamp}
	}
	return l
}

func (w *syncWatch) onPacket(s *stream, timestamp uint32, at time.Time) {
	if s.stats.Kind != Audio && s.stats.Kind != Video {
		return
	}
	l := w.of(s, timestamp, at)
	late := at.Sub(l.origin.at) - l.origin.media(timestamp, s.clock())
	if l.packets == 0 || late < l.packet {
		l.packet = late
	}
	l.packets++
}

// onSync takes a sender report that reached our socket at an instant, and judges the
// window when it is over.
func (o *Oracle) onSync(s *stream, ntp uint64, timestamp uint32, at time.Time) {
	wall := ntpTime(ntp)
	if off := at.Sub(wall); off.Abs() > epochTolerance {
		o.Violate("sender report epoch", "%s SSRC %d: it is %v, our clock says %v",
			s.stats.Kind, s.ssrc, wall.UTC().Format(time.DateTime), at.UTC().Format(time.DateTime))
		return
	}
	w := &o.sync
	l := w.of(s, timestamp, at)
	line := wall.Sub(l.origin.at) - l.origin.media(timestamp, s.clock())
	if l.reports == 0 || line < l.line {
		l.line = line
	}
	if transit := at.Sub(wall); l.reports == 0 || transit < l.report {
		l.report = transit
	}
	l.reports++
	if w.start.IsZero() {
		w.start = at
	}
	if at.Sub(w.start) >= syncWindow {
		o.judgeSync()
		w.start = at
		clear(w.streams)
	}
}

// judgeSync compares what the window held of each stream.
func (o *Oracle) judgeSync() {
	for s, l := range o.sync.streams {
		if l.reports < syncReports || l.packets < syncPackets {
			continue
		}
		if off := l.lag() - l.report; off > lateTolerance || off < -earlyTolerance {
			o.Violate("sender report line", "%s SSRC %d: its packets are sent %v after their time by the reports",
				s.stats.Kind, s.ssrc, off.Round(time.Millisecond))
		}
		for other, picture := range o.sync.streams {
			if s.stats.Kind == Audio && other.stats.Kind == Video && picture.reports >= syncReports {
				o.judgePair(l, picture, other.ssrc)
			}
		}
	}
}

// judgePair compares sound with a picture.
func (o *Oracle) judgePair(sound, picture *syncLine, ssrc uint32) {
	if off := sound.report - picture.report; off.Abs() > wallTolerance {
		o.Violate("sender report clocks", "that of sound is %v behind that of SSRC %d", off.Round(time.Millisecond), ssrc)
	}
	if picture.packets < syncPackets {
		return
	}
	if off := sound.lag() - picture.lag(); off.Abs() > lipTolerance {
		o.Violate("lip sync", "by the reports sound is sent %v later than the picture of SSRC %d",
			off.Round(time.Millisecond), ssrc)
	}
}

// ntpTime is the instant of an NTP timestamp (RFC 3550 §4: 32.32 fixed point).
func ntpTime(ntp uint64) time.Time {
	const from1900 = 2208988800 // seconds from 1900 to 1970
	return time.Unix(int64(ntp>>32)-from1900, int64((ntp&math.MaxUint32)*uint64(time.Second)>>32))
}
