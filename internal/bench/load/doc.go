// Package load measures what calls cost the process that plays into them.
package load
