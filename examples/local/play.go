package main

import (
	"context"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/local/internal/studio"
)

const (
	// maxEnds is more tracks than one source has.
	maxEnds = 16
	// tick is how often the terminal looks.
	tick = 250 * time.Millisecond
)

// play is what the program plays by itself, and what the page does meanwhile.
type play struct {
	studio *studio.Studio
	far    *receiver
	call   int // 0: nothing is played by itself
	ends   chan streamEnd

	// owned by watch
	length  time.Duration
	packets uint64
	seen    uint64 // the last entry of the journal
}

// played is what a bot knows of a source that has ended.
type played struct {
	length  time.Duration
	packets uint64
	ends    map[gotgcall.StreamType]error // one for each of its tracks
}

// ended is the studio's OnEnd.
func (p *play) ended(call int, track gotgcall.StreamType, err error) {
	if call != 1 { // the first is the one that the program plays
		return
	}
	select {
	case p.ends <- streamEnd{track, err}:
	default: // the page plays one source after another there
	}
}

// watch shows what happens until ctx is done or the program's own source has ended. It
// reports whether all of that should have arrived: no verb or knob was used on it.
func (p *play) watch(ctx context.Context, bar *progress) (strict bool) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		p.observe()
		bar.show(p.length)
		p.narrate(bar)
		own := p.call != 0 && !p.studio.Touched(p.call)
		if own && len(p.ends) > 0 { // a source's tracks end together
			p.observe()
			return true
		}
		select {
		case <-ctx.Done():
			return own
		case <-ticker.C:
		}
	}
}

// observe notes how far the call is. One that was lost stays where it was.
func (p *play) observe() {
	for _, c := range p.studio.Snapshot().Calls {
		if c.ID == p.call || p.call == 0 {
			p.length = time.Duration(c.Position * float64(time.Second))
			p.packets = max(p.packets, c.Stats.Packets)
		}
	}
}

// narrate prints what somebody did on the page, and what the library answered, where the
// program plays nothing by itself.
func (p *play) narrate(bar *progress) {
	if p.call != 0 {
		return
	}
	for _, e := range p.studio.Journal().Since(p.seen) {
		p.seen = e.Seq
		if e.Kind != studio.Log {
			bar.say("          " + e.Text)
		}
	}
}

// totals is what arrived of all calls.
func (p *play) totals() totals {
	if p.call != 0 {
		return p.far.totals()
	}
	var t totals
	for _, c := range p.studio.Snapshot().Calls {
		t.packets += c.Stats.Arrived
		t.bytes += c.Stats.Bytes
		t.lost += c.Stats.Lost
	}
	return t
}

// result is what was played. It comes after the studio's Close.
func (p *play) result() played {
	close(p.ends)
	r := played{length: p.length, packets: p.packets, ends: make(map[gotgcall.StreamType]error)}
	for end := range p.ends {
		r.ends[end.track] = end.err
	}
	return r
}
