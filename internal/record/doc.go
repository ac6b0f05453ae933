// Package record has the sinks that package media describes.
//
// Files writes what is received in a call without decoding it: the Opus packets of each
// speaker to an Ogg file. All files of a recording begin at the
// same instant, so laid over each other they are in sync.
//
// Decoded decodes each speaker for a function.
package record
