// Package shared plays one run of a source in any number of calls: one input, one
// encoder, the same frames.
//
// A run reads its source on one goroutine, a few frames ahead of the reader that is
// furthest, and keeps the last seconds in a ring. Each reader has its own place
// and time.
package shared
