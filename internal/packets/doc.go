// Package packets plays sources whose Opus packets are joined into longer ones, so that
// fewer are sent.
package packets
