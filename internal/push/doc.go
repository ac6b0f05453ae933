// Package push has the sources that a program feeds while they play: Opus packets,
// samples, or the bytes of a file that come from a Reader.
//
// Opus packets and samples are a conversation: what is written plays as soon as it can,
// nothing written is silence and not an end, and Flush takes back what was written and
// has not been played.
package push
