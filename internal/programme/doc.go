// Package programme serves the programme that a playlist names, of HLS or DASH, to ffmpeg:
// the playlist is written anew with loopback addresses, and each segment, key and
// fragment is fetched when ffmpeg asks for it. Nothing is stored, and ffmpeg sees no
// address but ours. The lists of radio stations are followed to a resource.
//
// Its handlers run on the goroutines of the fetch.Client that serves them, and end with
// it.
package programme
