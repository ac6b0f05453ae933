package main

import (
	"strconv"
	"time"

	"github.com/gotgcall/gotgcall/internal/bench/load"
)

// figure is a number of a row.
type figure struct {
	name  string // a column of the table
	unit  string // as benchstat has it
	value float64
	known bool
}

// text returns the number with as many digits as it deserves.
func (f figure) text() string {
	switch {
	case !f.known:
		return ""
	case f.value == 0:
		return "0"
	case f.value < 0.095:
		return strconv.FormatFloat(f.value, 'f', 3, 64)
	case f.value < 9.95:
		return strconv.FormatFloat(f.value, 'f', 2, 64)
	case f.value < 99.5:
		return strconv.FormatFloat(f.value, 'f', 1, 64)
	}
	return strconv.FormatFloat(f.value, 'f', 0, 64)
}

// figures returns the numbers of a row.
func figures(r load.Result) []figure {
	own, calls, packets := r.User+r.System, float64(r.Calls), float64(r.Arrived.Packets)
	plays := r.Source != load.Idle
	perCall := func(d time.Duration) float64 { return r.PerCall(d) * 1000 }
	list := []figure{
		{"processor", "cpu-ms/call-s", perCall(own + r.Children), true},
		{"user", "user-ms/call-s", perCall(r.User), true},
		{"system", "sys-ms/call-s", perCall(r.System), true},
		{"children", "child-ms/call-s", perCall(r.Children), r.Children > 0},
		{"floor", "floor-ms/call-s", r.Floor.Seconds() * 1000, r.Floor > 0},
		{"× floor", "x-floor", ratio(r.PerCall(own), r.Floor.Seconds()), r.Floor > 0},
		{"calls per core", "calls/core", ratio(1, r.PerCall(own+r.Children)), true},
		{"µs/packet", "us/packet", ratio(float64(own.Microseconds()), packets), plays},
		{"allocs/packet", "allocs/packet", ratio(float64(r.Mallocs), packets), plays},
		{"heap kB", "heap-kB/call", float64(r.Heap) / 1000 / calls, true},
		{"RSS kB", "RSS-kB/call", float64(r.Footprint.RSS) / 1000 / calls, r.Footprint.RSS > 0},
		{"goroutines", "goroutines/call", float64(r.Goroutines) / calls, true},
		{"threads", "threads", float64(r.Footprint.Threads), r.Footprint.Threads > 0},
		{"descriptors", "fds/call", float64(r.Footprint.Descriptors) / calls, r.Footprint.Threads > 0},
		{"packets", "played-%", 100 * r.Carried(), plays},
	}
	for _, q := range []struct {
		name, unit string
		value      load.Quantiles
	}{{"first", "first", r.First}, {"switch", "switch", r.Switch}} {
		list = append(list,
			figure{q.name + " p50", q.unit + "-p50-ms", ms(q.value.P50), plays},
			figure{q.name + " p99", q.unit + "-p99-ms", ms(q.value.P99), plays})
	}
	return append(list,
		figure{"late p50", "late-p50-ms", ms(r.Arrived.LateP50), plays},
		figure{"late p99", "late-p99-ms", ms(r.Arrived.LateP99), plays},
		figure{"late max", "late-max-ms", ms(r.Arrived.LateMax), plays})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ratio returns a / b, or 0 where there is no b.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
