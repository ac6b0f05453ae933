package load

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/bench/remote"
	"github.com/gotgcall/gotgcall/internal/bench/usage"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
)

// Plan is what one process measures.
type Plan struct {
	Calls     int
	Addresses int // of the servers; calls beyond their number share them
	Window    time.Duration
	Settle    time.Duration // from start to window
	Samples   int           // of first packets
	Media     string        // directory of the files that [Make] made
	Profiles  string        // directory for profiles of each row; empty for none
	Rows      []Row
}

// Row is one source, and one measurement for each number of speakers.
type Row struct {
	Source   string
	Speakers []int
	Skipped  string // why it is not measured
}

// calls is a client with calls that are connected.
type calls struct {
	plan   Plan
	far    *remote.Process
	client *gotgcall.Client
	ended  chan struct{} // a source of sound ended
	before footprint
}

type footprint struct {
	heap, goroutines int
	usage.Footprint
}

func measure() footprint {
	runtime.GC()
	runtime.GC() // frees what finalizers of the first held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{int(m.HeapAlloc), runtime.NumGoroutine(), usage.Read()}
}

// Run connects the calls of a plan, and reports each row when it is measured.
func Run(plan Plan, setup func(Setup), row func(Result)) (err error) {
	far, err := remote.Start(plan.Addresses)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.Close()) }()
	client, err := gotgcall.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	c := &calls{plan: plan, far: far, client: client, ended: make(chan struct{}, 2*plan.Calls+64)}
	client.OnStreamEnd(func(_ int64, kind gotgcall.StreamType, _ gotgcall.Device, _ error) {
		if kind != gotgcall.Audio {
			return
		}
		select {
		case c.ended <- struct{}{}:
		default: // nobody waits for that many
		}
	})
	c.before = measure()
	s, err := c.connect()
	if err != nil {
		return err
	}
	setup(s)
	for _, r := range plan.Rows {
		if err := c.row(r, row); err != nil {
			row(Result{Calls: plan.Calls, Source: r.Source, Skipped: "not measured: " + err.Error()})
			c.settle()
		}
	}
	return nil
}

// connect connects the calls one after another.
func (c *calls) connect() (Setup, error) {
	var create, connect []time.Duration
	for chat := range int64(c.plan.Calls) {
		start := time.Now()
		params, err := c.client.CreateCall(chat)
		if err != nil {
			return Setup{}, err
		}
		create = append(create, time.Since(start))
		answer, err := c.far.Join(params)
		if err != nil {
			return Setup{}, err
		}
		start = time.Now()
		if err := c.client.Connect(chat, answer); err != nil {
			return Setup{}, err
		}
		connect = append(connect, time.Since(start))
	}
	return Setup{c.plan.Calls, quantiles(create), quantiles(connect)}, nil
}

// row measures a source.
func (c *calls) row(r Row, report func(Result)) error {
	base := Result{Calls: c.plan.Calls, Source: r.Source}
	if r.Skipped != "" {
		base.Skipped = r.Skipped
		report(base)
		return nil
	}
	source := sources(c.plan.Media)[r.Source]
	if source != nil {
		var err error
		if base.First, base.Switch, err = c.firstPackets(source); err != nil {
			return err
		}
		if err := c.play(source, c.plan.Calls); err != nil {
			return err
		}
	}
	for _, speakers := range r.Speakers {
		result := base
		result.Speakers = speakers
		if err := c.window(&result); err != nil {
			return err
		}
		if again := result; result.Overloaded() { // by what else the machine did, perhaps
			if err := c.window(&again); err != nil {
				return err
			}
			if again.Carried() > result.Carried() {
				result = again
			}
		}
		report(result)
	}
	if source == nil {
		return nil
	}
	return c.silence()
}

// window measures what the calls cost while they do what they do.
func (c *calls) window(r *Result) error {
	if err := c.far.Speakers(r.Speakers); err != nil {
		return err
	}
	<-time.After(c.plan.Settle)
	held := measure()
	if err := c.far.Record(); err != nil {
		return err
	}
	stop, err := profile(c.plan.Profiles, *r)
	if err != nil {
		return err
	}
	children := usage.Children(c.far.PID())
	allocated, start := mallocs(), time.Now()
	user, system := usage.Own()
	<-time.After(c.plan.Window)
	r.User, r.System = usage.Own()
	r.User, r.System = r.User-user, r.System-system
	r.Window, r.Mallocs = time.Since(start), mallocs()-allocated
	r.Children = usage.Children(c.far.PID()) - children
	if err := stop(); err != nil {
		return err
	}
	if r.Arrived, err = c.far.Report(); err != nil {
		return err
	}
	r.Heap, r.Goroutines = held.heap-c.before.heap, held.goroutines-c.before.goroutines
	r.Footprint = usage.Footprint{
		RSS: held.RSS - c.before.RSS, Threads: held.Threads,
		Descriptors: held.Descriptors - c.before.Descriptors,
	}
	return nil
}

// play starts a source in the first n calls, some at a time.
func (c *calls) play(source gotgcall.Source, n int) error {
	const together = 4
	var group sync.WaitGroup
	errs := make([]error, together)
	for worker := range together {
		group.Go(func() {
			for chat := worker; chat < n && errs[worker] == nil; chat += together {
				errs[worker] = c.client.SetStreamSources(int64(chat), source)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// silence ends what the calls play.
func (c *calls) silence() error {
	if err := c.play(last, c.plan.Calls); err != nil {
		return err
	}
	return c.await(c.plan.Calls)
}

// settle ends what a row that failed has left, as far as it can.
func (c *calls) settle() {
	_ = c.silence()
	for len(c.ended) > 0 {
		<-c.ended
	}
}

// await waits for the ends of n sources.
func (c *calls) await(n int) error {
	timeout := time.After(20 * time.Second)
	for range n {
		select {
		case <-c.ended:
		case <-timeout:
			return errors.New("a source did not end")
		}
	}
	return nil
}

var (
	// filler is what plays before another source.
	filler = synthetic.Source{Size: 333}
	// last is a source that ends at once.
	last = synthetic.Source{Size: 40, Frames: 1}
)

// pause is longer than the packet that a source begins or ends with.
const pause = 80 * time.Millisecond

// firstPackets measures from SetStreamSources to the first packet at the server, in one call
// at a time.
func (c *calls) firstPackets(source gotgcall.Source) (first, change Quantiles, err error) {
	var firsts, changes []time.Duration
	for i := range c.plan.Samples {
		call := i % c.plan.Calls
		if _, err := c.first(call, filler); err != nil {
			return first, change, err
		}
		<-time.After(pause + rand.N(20*time.Millisecond)) // at any point of a packet
		took, err := c.first(call, source)
		if err != nil {
			return first, change, err
		}
		changes = append(changes, took)
		if err := c.client.SetStreamSources(int64(call), last); err != nil {
			return first, change, err
		}
		if err := c.await(1); err != nil {
			return first, change, err
		}
		<-time.After(pause)
		if took, err = c.first(call, source); err != nil {
			return first, change, err
		}
		firsts = append(firsts, took)
	}
	return quantiles(firsts), quantiles(changes), nil
}

// first plays a source and returns how long its first packet took.
func (c *calls) first(call int, source gotgcall.Source) (time.Duration, error) {
	if err := c.far.Mark(call); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := c.client.SetStreamSources(int64(call), source); err != nil {
		return 0, err
	}
	at, err := c.far.First(call)
	return at.Sub(start.Round(0)), err // by the wall clock, as that of the kernel is
}

// mallocs returns how many objects were ever allocated. Package runtime/metrics leaves out
// what the caches of the processors hold, all of the window of a single call.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
