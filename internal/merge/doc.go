// Package merge interleaves two feeds of frames, sound and pictures, by their times. It
// starts one goroutine for each feed, which ends with it; it opens and closes nothing.
package merge
