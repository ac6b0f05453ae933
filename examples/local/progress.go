package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows how far the call is: on a terminal in one line, elsewhere in a
// line each second.
type progress struct {
	out     io.Writer
	totals  func() totals
	heading string // what to say at first
	inPlace bool

	shown time.Time // zero: nothing yet
	bytes uint64    // had arrived at shown
	kbps  float64   // in the second before shown
}

// almostSecond is a second less what a tick may come early.
const almostSecond = 950 * time.Millisecond

func newProgress(out io.Writer, totals func() totals, heading string) *progress {
	return &progress{out: out, totals: totals, heading: heading, inPlace: isTerminal(out)}
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show is called some times a second.
func (p *progress) show(position time.Duration) {
	now, t := time.Now(), p.totals()
	passed := now.Sub(p.shown)
	switch {
	case p.shown.IsZero():
		fmt.Fprint(p.out, p.heading)
		p.shown = now
		return
	case passed >= almostSecond:
		p.kbps = float64(max(t.bytes, p.bytes)-p.bytes) * 8 / 1000 / passed.Seconds() // there are fewer when a call ends
		p.shown, p.bytes = now, t.bytes
	case !p.inPlace:
		return
	case p.bytes == 0: // in the first second
		p.kbps = float64(t.bytes) * 8 / 1000 / passed.Seconds()
	}
	line := fmt.Sprintf("%8s  %5.0f kbit/s  %7d packets  %d lost", clock(position), p.kbps, t.packets, t.lost)
	if p.inPlace {
		fmt.Fprintf(p.out, "\r%-70s", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

// say prints a line that stays.
func (p *progress) say(line string) {
	if p.inPlace {
		fmt.Fprintf(p.out, "\r%-70s\n", line)
	} else {
		fmt.Fprintln(p.out, line)
	}
}

// end leaves the line.
func (p *progress) end() {
	if p.inPlace && !p.shown.IsZero() {
		fmt.Fprintln(p.out)
	}
}

// clock is d as players show it.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
