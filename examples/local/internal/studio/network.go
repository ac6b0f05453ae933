package studio

import (
	"errors"
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

// Network is what is wrong with the line between a call and its server. The zero value is
// a perfect one. A call that has not joined yet joins through it.
type Network struct {
	Loss   float64 `json:"loss"`   // percent of the datagrams from the call, 0 to 100
	Delay  float64 `json:"delay"`  // ms each way, 0 to 5000
	Jitter float64 `json:"jitter"` // ms that are added at random, 0 to 5000
	Rate   float64 `json:"rate"`   // kbit/s that the line carries; 0: no limit
}

// maxDelay is more than any line has, in ms, and maxRate more than a call sends, in kbit/s.
const (
	maxDelay = 5000
	maxRate  = 10_000_000
)

func (n Network) check() error {
	if !(n.Loss >= 0 && n.Loss <= 100 && n.Delay >= 0 && n.Delay <= maxDelay && n.Jitter >= 0 && n.Jitter <= maxDelay &&
		n.Rate >= 0 && n.Rate <= maxRate) {
		return errors.New("a knob is out of range: loss 0 to 100 %, delay and jitter 0 to 5000 ms")
	}
	return nil
}

func (n Network) String() string {
	if n == (Network{}) {
		return "perfect"
	}
	s := fmt.Sprintf("%g %% lost, %g ms delay, %g ms jitter", n.Loss, n.Delay, n.Jitter)
	if n.Rate > 0 {
		s += fmt.Sprintf(", %g kbit/s", n.Rate)
	}
	return s
}

// apply puts the network in front of a participant, if there is one.
func (n Network) apply(p *sfu.Participant) error {
	if p == nil {
		return nil
	}
	up := netem.Shape{
		Loss: n.Loss / 100, Delay: milliseconds(n.Delay), Jitter: milliseconds(n.Jitter), Rate: uint64(n.Rate * 1000),
	}
	down := netem.Shape{Delay: up.Delay}
	return errors.Join(p.Network().SetUp(up), p.Network().SetDown(down))
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func (c *call) setNetwork(n Network) error {
	if err := n.check(); err != nil {
		return err
	}
	c.mu.Lock()
	c.network = n
	p := c.participant
	c.mu.Unlock()
	return n.apply(p)
}

// blackOut loses everything for a time, what a call that joins meanwhile sends, too. Zero
// ends it.
func (c *call) blackOut(d time.Duration) {
	c.mu.Lock()
	c.darkUntil = time.Now().Add(d)
	p := c.participant
	c.mu.Unlock()
	if p != nil {
		p.Network().BlackOut(d)
	}
}
