// Package opus takes Opus packets apart and joins them (RFC 6716 section 3). It decodes
// nothing, and its input may be hostile.
package opus
