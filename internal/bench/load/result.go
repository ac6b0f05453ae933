package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/remote"
	"github.com/gotgcall/gotgcall/internal/bench/usage"
)

// Result is one row: what a number of calls with one source and some speakers cost.
type Result struct {
	Calls    int
	Source   string
	Speakers int
	Skipped  string // why it was not measured

	Window time.Duration
	// User and System are the processor time of this process in the window, Children that of
	// its encoders.
	User, System, Children time.Duration

	Floor time.Duration // processor time of a second of one session of the floor model; 0 for none

	Arrived remote.Report
	Mallocs uint64 // in the window

	Heap       int             // bytes of all calls
	Goroutines int             // of all calls
	Footprint  usage.Footprint // of all calls, but OS threads of the process

	First, Switch Quantiles // to the first packet: from silence, and from another source
}

// Carried returns the share of the packets of sound due that arrived.
func (r Result) Carried() float64 {
	if r.Arrived.PacketTime == 0 {
		return 0
	}
	due := float64(r.Arrived.Window) / float64(r.Arrived.PacketTime) * float64(r.Calls)
	return float64(r.Arrived.Sound) / due
}

// Overloaded reports whether the machine is too slow for the row: its figures say nothing.
func (r Result) Overloaded() bool {
	const enough = 0.98
	return r.Skipped == "" && r.Source != Idle && r.Carried() < enough
}

// PerCall returns a time of the whole window as a share of each call's time.
func (r Result) PerCall(d time.Duration) float64 {
	return d.Seconds() / r.Window.Seconds() / float64(r.Calls)
}

// Setup is what it took to connect calls, one after another.
type Setup struct {
	Calls           int
	Create, Connect Quantiles
}

// Quantiles of a duration.
type Quantiles struct{ P50, P99 time.Duration }

func quantiles(list []time.Duration) Quantiles {
	if len(list) == 0 {
		return Quantiles{}
	}
	slices.Sort(list)
	return Quantiles{list[len(list)/2], list[len(list)*99/100]}
}

// String returns both, in milliseconds.
func (q Quantiles) String() string {
	const ms = float64(time.Millisecond)
	return fmt.Sprintf("%.2f / %.2f", float64(q.P50)/ms, float64(q.P99)/ms)
}
