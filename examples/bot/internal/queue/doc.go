// Package queue is a chat's list of tracks: the current one, those to come and those
// that were played. It is a value without locks, clocks or I/O, and can be written down
// as JSON.
package queue
