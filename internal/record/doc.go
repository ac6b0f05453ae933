// Package record writes what is received in a call to files, without decoding it: the
// Opus packets of each speaker to an Ogg file. All files of a recording begin at the
// same instant, so laid over each other they are in sync.
package record
