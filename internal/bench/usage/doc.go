// Package usage reads what a process takes of its machine.
package usage

// Footprint is what a process holds.
type Footprint struct {
	RSS         int // bytes; 0 where unknown
	Threads     int // of the operating system; 0 where unknown
	Descriptors int // open ones; 0 where unknown
}
