//go:build !linux

package usage

// Read returns nothing here.
func Read() Footprint { return Footprint{} }

// Machine returns nothing here.
func Machine() string { return "" }
