// Package fetch gets media from HTTP servers and hands it to ffmpeg.
//
// A [Client] opens one source. It decides once, by what the server says, whether
// that is finite, live or a playlist, and serves it at an address of the loopback
// interface that cannot be guessed. ffmpeg reads that address and sees neither
// the real one nor its secrets. What is finite and given out in ranges is
// resumed at the byte where a connection was cut; what is lost for good is
// reported by [Resource.Err], whatever ffmpeg makes of it.
//
// The package refuses every scheme but http and https, in redirects too, and
// shows each address to a [Policy] before it is connected to.
package fetch
