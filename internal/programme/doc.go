// Package programme serves the programme of an HLS or DASH playlist to ffmpeg: it rewrites
// the playlist with loopback addresses, and fetches each segment, key and fragment when
// ffmpeg requests it. It stores none of them. It follows the lists of radio stations to a
// resource.
//
// Its handlers run on the goroutines of the fetch.Client that serves them, and end with
// it.
package programme
