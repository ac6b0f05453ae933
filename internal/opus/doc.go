// Package opus takes Opus packets apart and joins them (RFC 6716 section 3). It decodes
// nothing, and what it is given may be hostile.
package opus
