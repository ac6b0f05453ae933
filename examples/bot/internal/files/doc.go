// Package files keeps downloaded media on the disk: under names and in a directory of
// its own, within a quota, and for as long as they are played.
package files
